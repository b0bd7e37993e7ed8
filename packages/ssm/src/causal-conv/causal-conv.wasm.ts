/**
 * `causal-conv` in WebAssembly.
 */
import { addressOf, strideOf } from "@blackmamba/kernels";
import type { HostOperands, WasmEngine } from "@blackmamba/tensor";
import { ssmModule } from "../wasm-module.ts";
import type { CausalConvOperands } from "./causal-conv.ts";

/** Measured: one tap of one channel takes so long. */
const TAP_NS = 0.7;

export function causalConvWasm(
  operands: HostOperands<CausalConvOperands>,
  _: unknown,
  engine: WasmEngine,
): (tokens: number) => void {
  const run = bindConv(engine, operands);
  return (tokens) => run(1, tokens);
}

/**
 * The convolution of tokens that follow each other, or of sequences with a state each, [sequences, taps − 1, inner].
 *
 * @returns runs it for so many sequences of so many tokens each
 */
export function bindConv(
  engine: WasmEngine,
  { out, x, weight, bias, state }: HostOperands<CausalConvOperands>,
): (sequences: number, tokens: number) => void {
  const task = engine.task(ssmModule, "causalConv");
  const [inner, taps] = weight.shape;
  const words = Uint32Array.of(
    ...[addressOf(out), strideOf(out), addressOf(x), strideOf(x), addressOf(weight), addressOf(bias), addressOf(state)],
    ...[inner, taps, 1, 1],
  );
  return (sequences, tokens) => {
    words[9] = sequences;
    words[10] = tokens;
    engine.run(task, words, Math.ceil(inner / 4), sequences * tokens * inner * taps * TAP_NS);
  };
}
