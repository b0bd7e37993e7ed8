/**
 * Sizes of the published models, for benches of the kernels they are made of.
 */

/** A published model's sizes, in the words of this project. */
export interface PublishedShape {
  /** As in "1.5B". */
  readonly model: string;
  readonly hidden: number;
  readonly inner: number;
  readonly state: number;
  readonly taps: number;
  readonly dtRank: number;
  readonly experts: number;
  readonly ffn: number;
  readonly vocab: number;
}

/** BlackMamba 1.5B and 2.8B (arXiv 2402.01771). */
export const PUBLISHED_SHAPES: readonly PublishedShape[] = [
  { model: "1.5B", hidden: 1152, inner: 2304, state: 16, taps: 4, dtRank: 72, experts: 8, ffn: 3072, vocab: 50304 },
  { model: "2.8B", hidden: 1472, inner: 2944, state: 16, taps: 4, dtRank: 92, experts: 8, ffn: 3872, vocab: 50304 },
];
