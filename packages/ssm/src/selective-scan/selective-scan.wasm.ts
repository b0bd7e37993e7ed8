/**
 * `selective-scan` in WebAssembly.
 */
import { addressOf, strideOf } from "@blackmamba/kernels";
import type { HostOperands, WasmEngine } from "@blackmamba/tensor";
import { ssmModule } from "../wasm-module.ts";
import type { SelectiveScanOperands } from "./selective-scan.ts";

/** Measured: one state of one channel takes so long, for one token. */
const STATE_NS = 1.2;

export function selectiveScanWasm(
  operands: HostOperands<SelectiveScanOperands>,
  _: unknown,
  engine: WasmEngine,
): (tokens: number) => void {
  const run = bindScan(engine, operands);
  return (tokens) => run(1, tokens);
}

/**
 * The scan over tokens that follow each other, or over sequences with a state each, [sequences, inner, state]. `out` may be `u`.
 *
 * @returns runs it for so many sequences of so many tokens each
 */
export function bindScan(
  engine: WasmEngine,
  { out, u, dt, A, B, C, D, z, state }: HostOperands<SelectiveScanOperands>,
): (sequences: number, tokens: number) => void {
  const task = engine.task(ssmModule, "selectiveScan");
  const [inner, states] = A.shape;
  const words = Uint32Array.of(
    ...[addressOf(out), strideOf(out), addressOf(u), strideOf(u), addressOf(dt), strideOf(dt), addressOf(A)],
    ...[addressOf(B), strideOf(B), addressOf(C), strideOf(C), addressOf(D), addressOf(z), strideOf(z)],
    ...[addressOf(state), inner, states, 1, 1],
  );
  return (sequences, tokens) => {
    words[17] = sequences;
    words[18] = tokens;
    engine.run(task, words, Math.ceil(inner / 4), sequences * tokens * inner * states * STATE_NS);
  };
}
