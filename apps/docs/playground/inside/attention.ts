/**
 * The hidden attention of a trace's Mamba layers, as it is drawn.
 */
import type { Trace } from "@blackmamba/model/worker";

/** Hidden attention of one layer. */
export interface LayerAttention {
  /** Among all layers, from 0. */
  readonly layer: number;
  readonly tokens: number;
  /** [tokens × tokens]: row t says how much of each earlier token is in the t-th result. */
  readonly weights: Float32Array;
}

/** The hidden attention of all layers that have one. */
export function attentionOf({ layers }: Trace): LayerAttention[] {
  return layers.flatMap(({ hiddenAttention }, layer) =>
    hiddenAttention ? [{ layer, tokens: Math.sqrt(hiddenAttention.length), weights: hiddenAttention }] : [],
  );
}

/** A row, from −1 to 1: divided by its largest magnitude. Rows differ by orders of magnitude, and what matters is where they look. */
export function relativeRow({ weights, tokens }: LayerAttention, token: number): Float32Array {
  const row = weights.subarray(token * tokens, token * tokens + token + 1);
  const largest = row.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  return row.map((weight) => (largest === 0 ? 0 : weight / largest));
}

/** The tokens that a token looks at most, with their weights as the trace has them. */
export function strongest(
  { weights, tokens }: LayerAttention,
  token: number,
  count = 8,
): { readonly token: number; readonly weight: number }[] {
  return Array.from(weights.subarray(token * tokens, token * tokens + token + 1), (weight, index) => ({
    token: index,
    weight,
  }))
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, count);
}
