/**
 * Binds the WebAssembly task `activate`: GELU of rows, gated or plain, with a scale, added or stored.
 */
import type { HostTensor, WasmEngine } from "@blackmamba/tensor";
import { addressOf, kernelsModule, strideOf } from "./module.ts";

/** What {@link bindActivate} works on; all in the engine's memory. */
export interface ActivateOperands {
  /** f32 [tokens, outputs] */
  readonly out: HostTensor;
  /** f32 [tokens, outputs]; [tokens, 2 · outputs] when gated, the gates first */
  readonly x: HostTensor;
  /** f32 [tokens, 1]: what each token's result is multiplied by */
  readonly scale?: HostTensor | undefined;
}

/** Measured: one element takes so long. */
const ELEMENT_NS = 1.5;

/**
 * out[t] (+)= scale[t] · gelu(gate[t]) · value[t], or scale[t] · gelu(x[t]).
 *
 * @returns runs it for so many tokens: those listed at address `members`, or the first ones
 */
export function bindActivate(
  engine: WasmEngine,
  { out, x, scale }: ActivateOperands,
  { gated = false, accumulate = false }: { readonly gated?: boolean; readonly accumulate?: boolean },
): (tokens: number, members?: number) => void {
  const task = engine.task(kernelsModule, "activate");
  const outputs = out.shape[1];
  const flags = (gated ? 4 : 0) + (accumulate ? 8 : 0);
  const words = Uint32Array.of(
    ...[addressOf(out), strideOf(out), addressOf(x), strideOf(x), outputs, flags],
    ...[addressOf(scale), strideOf(scale), 0],
  );
  return (tokens, members = 0) => {
    words[8] = members;
    engine.run(task, words, tokens, tokens * outputs * ELEMENT_NS);
  };
}
