/**
 * `copy-words` in WebAssembly: the memory's bandwidth with all threads at it.
 */
import { type HostOperands, u32, type WasmEngine } from "@blackmamba/tensor";
import type { CopyWordsOperands } from "./copy-words.ts";
import { benchModule } from "./wasm-module.ts";

/** Pages together: enough for a copy to come to speed. */
const PIECE_BYTE_LENGTH = 16384;

/** Long enough to be shared, whatever it is. */
const PIECE_NS = 1000;

export function copyWordsWasm({ out, x }: HostOperands<CopyWordsOperands>, _: unknown, engine: WasmEngine): () => void {
  const task = engine.task(benchModule, "copyWords");
  const [to, from] = [u32(out), u32(x)];
  const words = Uint32Array.of(to.byteOffset, from.byteOffset, PIECE_BYTE_LENGTH);
  const pieces = to.byteLength / PIECE_BYTE_LENGTH;
  return () => engine.run(task, words, pieces, pieces * PIECE_NS);
}
