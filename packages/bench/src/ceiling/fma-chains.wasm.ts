/**
 * `fma-chains` in WebAssembly: a multiplication and an addition where SIMD has no fused one, on all threads.
 */
import { f32, type HostOperands, type WasmEngine } from "@blackmamba/tensor";
import type { FmaChainsOperands } from "./fma-chains.ts";
import { CHAINS, FACTOR } from "./fma-sizes.ts";
import { benchModule } from "./wasm-module.ts";

/** Measured: one step of four chains of one thread takes so long. */
const STEP_NS = 0.3;

export function fmaChainsWasm(
  { out, x }: HostOperands<FmaChainsOperands>,
  { rounds }: { readonly rounds: number },
  engine: WasmEngine,
): () => void {
  const task = engine.task(benchModule, "fmaChains");
  const [to, from] = [f32(out), f32(x)];
  const factor = new Uint32Array(Float32Array.of(FACTOR).buffer)[0];
  const words = Uint32Array.of(to.byteOffset, from.byteOffset, rounds, factor, to.length);
  const groups = Math.ceil(to.length / 4);
  return () => engine.run(task, words, groups, groups * rounds * CHAINS * STEP_NS);
}
