/**
 * `hidden-attention` in WebAssembly.
 */
import { addressOf, strideOf } from "@blackmamba/kernels";
import type { HostOperands, WasmEngine } from "@blackmamba/tensor";
import { ssmModule } from "../wasm-module.ts";
import type { HiddenAttentionOperands } from "./hidden-attention.ts";

/** Rows and columns of a tile, of which a thread does one at a time. */
const TILE = 16;

/** More than any model has. A thread's own memory holds 132 bytes for each, beside the tile. */
const MOST_STATES = 256;

/** Measured: one state of one channel takes so long, for one pair of tokens. */
const STATE_NS = 0.7;

export function hiddenAttentionWasm(
  { out, dt, A, B, C }: HostOperands<HiddenAttentionOperands>,
  _: unknown,
  engine: WasmEngine,
): ((tokens: number) => void) | undefined {
  const columns = out.shape[1];
  const [inner, states] = A.shape;
  if (states > MOST_STATES) return undefined;
  const task = engine.task(ssmModule, "hiddenAttention");
  const words = Uint32Array.of(
    ...[addressOf(out), strideOf(out), addressOf(dt), strideOf(dt), addressOf(A)],
    ...[addressOf(B), strideOf(B), addressOf(C), strideOf(C), inner, states, columns, 1],
  );
  return (tokens) => {
    words[12] = tokens;
    const tiles = Math.ceil(tokens / TILE) * Math.ceil(columns / TILE);
    const width = Math.min(tokens, columns);
    const pairs = width * (tokens - width / 2);
    engine.run(task, words, tiles, pairs * inner * states * STATE_NS);
  };
}
