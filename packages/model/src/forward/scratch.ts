/**
 * Intermediate results of a forward pass, shared by all layers: what one layer leaves there the next overwrites.
 */
import { createExpertScratch, type ExpertScratch, type ExpertSizes } from "@blackmamba/moe";
import {
  createMambaSequenceScratch,
  createMambaStepScratch,
  type MambaSequenceScratch,
  type MambaSizes,
  type MambaStepScratch,
} from "@blackmamba/ssm";
import type { Tensor, TensorAllocator } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";

/**
 * How the tokens of a run belong together:
 *
 * - `sequence`: they follow each other, and step the state in slot 0 one after another;
 * - `each`: each belongs to a sequence of its own, token t to the state in slot t.
 */
export type TokenOrder = "sequence" | "each";

/** Tensors for up to `tokens` tokens. */
export interface Scratch {
  /** u32 [tokens] */
  readonly ids: Tensor;
  /** f32 [tokens, hidden]: the residual stream */
  readonly residual: Tensor;
  readonly mamba:
    | { readonly order: "sequence"; readonly scratch: MambaSequenceScratch }
    | { readonly order: "each"; readonly scratch: MambaStepScratch };
  /** By number of experts. */
  readonly experts: ReadonlyMap<number, ExpertScratch>;
}

/** Allocates what a forward pass of up to `tokens` tokens needs. */
export function createScratch(
  allocator: TensorAllocator,
  config: ModelConfig,
  tokens: number,
  order: TokenOrder,
): Scratch {
  const counts = new Set(config.layers.map(({ experts }) => experts).filter((experts) => experts > 0));
  const sizes = mambaSizes(config);
  return {
    ids: allocator.createTensor("u32", [tokens], "ids"),
    residual: allocator.createTensor("f32", [tokens, config.hidden], "residual"),
    mamba:
      order === "each"
        ? { order, scratch: createMambaStepScratch(allocator, sizes, tokens) }
        : { order, scratch: createMambaSequenceScratch(allocator, sizes, tokens) },
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
