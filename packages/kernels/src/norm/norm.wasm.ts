/**
 * `norm` in WebAssembly.
 */
import type { HostOperands, WasmEngine } from "@blackmamba/tensor";
import { addressOf, kernelsModule, strideOf } from "../wasm/module.ts";
import type { NormOperands, NormParams } from "./norm.ts";

/** Measured: one element takes so long. */
const ELEMENT_NS = 0.5;

/** Binds the task; `x` and `out` may be views of columns. */
export function normWasm(
  { out, x, weight, bias }: HostOperands<NormOperands>,
  { kind, epsilon, lastOnly = false }: NormParams,
  engine: WasmEngine,
): (tokens: number) => void {
  const task = engine.task(kernelsModule, "norm");
  const hidden = x.shape[1];
  const words = Uint32Array.of(
    ...[addressOf(x), strideOf(x), addressOf(out), strideOf(out), addressOf(weight), addressOf(bias)],
    ...[hidden, bitsOf(epsilon), kind === "layer" ? 1 : 0],
  );
  return (runTokens) => {
    const tokens = lastOnly ? 1 : runTokens;
    words[0] = addressOf(x) + (lastOnly ? (runTokens - 1) * strideOf(x) : 0);
    engine.run(task, words, tokens, tokens * hidden * ELEMENT_NS);
  };
}

/** A float32's bits. */
function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
