/**
 * Intermediate results of a forward pass, shared by all layers: what one layer leaves there the next overwrites.
 */
import { createExpertScratch, type ExpertScratch, type ExpertSizes } from "@blackmamba/moe";
import { createMambaScratch, type MambaScratch, type MambaSizes } from "@blackmamba/ssm";
import type { Tensor, TensorAllocator } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";

/** Tensors for up to `tokens` tokens. */
export interface Scratch {
  /** u32 [tokens] */
  readonly ids: Tensor;
  /** f32 [tokens, hidden]: the residual stream */
  readonly residual: Tensor;
  /** f32 [tokens, hidden] */
  readonly normed: Tensor;
  /** f32 [tokens, hidden]: the second norm's result in layers with two mixers in parallel */
  readonly normedExperts: Tensor;
  readonly mamba: MambaScratch;
  /** By number of experts. */
  readonly experts: ReadonlyMap<number, ExpertScratch>;
}

/** Allocates what a forward pass of up to `tokens` tokens needs. */
export function createScratch(allocator: TensorAllocator, config: ModelConfig, tokens: number): Scratch {
  const stream = (label: string) => allocator.createTensor("f32", [tokens, config.hidden], label);
  const counts = new Set(config.layers.map(({ experts }) => experts).filter((experts) => experts > 0));
  return {
    ids: allocator.createTensor("u32", [tokens], "ids"),
    residual: stream("residual"),
    normed: stream("normed"),
    normedExperts: stream("normedExperts"),
    mamba: createMambaScratch(allocator, mambaSizes(config), tokens),
    experts: new Map(
      [...counts].map((experts) => [experts, createExpertScratch(allocator, expertSizes(config), experts, tokens)]),
    ),
  };
}

/** A configuration's sizes as the Mamba layer wants them. */
export function mambaSizes({ hidden, inner, state, taps, dtRank }: ModelConfig): MambaSizes {
  return { hidden, inner, state, taps, dtRank };
}

/** A configuration's sizes as the experts want them. */
export function expertSizes({ hidden, ffn, gated }: ModelConfig): ExpertSizes {
  return { hidden, ffn, gated };
}
