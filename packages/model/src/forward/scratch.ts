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
import { storageLayout, type Tensor, type TensorAllocator, TensorPool, tensorOf } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { ScratchMemory } from "./scratch-memory.ts";

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

/**
 * Allocates what a forward pass of up to `tokens` tokens needs.
 *
 * @param residual - where the residual stream is to be, if it is there already
 */
export function createScratch(
  allocator: TensorAllocator,
  config: ModelConfig,
  tokens: number,
  order: TokenOrder,
  residual?: Tensor,
): Scratch {
  const counts = new Set(config.layers.map(({ experts }) => experts).filter((experts) => experts > 0));
  const sizes = mambaSizes(config);
  const mixerAllocator = mixerAllocators(allocator, config, order);
  return {
    ids: allocator.createTensor("u32", [tokens], "ids"),
    residual: residual ?? allocator.createTensor("f32", [tokens, config.hidden], "residual"),
    mamba:
      order === "each"
        ? { order, scratch: createMambaStepScratch(mixerAllocator(), sizes, tokens) }
        : { order, scratch: createMambaSequenceScratch(mixerAllocator(), sizes, tokens) },
    experts: new Map(
      [...counts].map((experts) => [
        experts,
        createExpertScratch(mixerAllocator(), expertSizes(config), experts, tokens),
      ]),
    ),
  };
}

/**
 * Where the next mixer's tensors come from. Mixers leave each other nothing but the residual stream, so that those of a prompt,
 * which are large, take turns in the same memory. Where a layer has two, Mamba works between the halves of the experts.
 */
function mixerAllocators(allocator: TensorAllocator, config: ModelConfig, order: TokenOrder): () => TensorAllocator {
  const isParallel = config.layers.some(({ mamba, experts }) => mamba && experts > 0);
  if (isParallel || order === "each") return () => allocator;
  const memory = new ScratchMemory(allocator);
  return () => memory.nextUser();
}

/** Bytes of what {@link createScratch} allocates; allocates nothing. */
export function scratchByteLength(config: ModelConfig, tokens: number, order: TokenOrder): number {
  const createTensor: TensorAllocator["createTensor"] = (dtype, shape, label) => {
    const { byteLength } = storageLayout(dtype, shape);
    const storage = { byteLength, maxOperandByteLength: byteLength, maxOperands: 0, dispose() {} };
    return tensorOf(storage, dtype, shape, label);
  };
  const pool = new TensorPool({
    createTensor,
    createTensors: (specs) => specs.map(({ dtype, shape, label }) => createTensor(dtype, shape, label)),
  });
  createScratch(pool, config, tokens, order);
  return pool.byteLength;
}

/** A configuration's sizes as the Mamba layer wants them. */
export function mambaSizes({ hidden, inner, state, taps, dtRank }: ModelConfig): MambaSizes {
  return { hidden, inner, state, taps, dtRank };
}

/** A configuration's sizes as the experts want them. */
export function expertSizes({ hidden, ffn, gated }: ModelConfig): ExpertSizes {
  return { hidden, ffn, gated };
}
