/**
 * For how many tokens the programs for prompts are made. Which matrix kernels are fast depends on that, so fewer tokens than a
 * whole chunk have programs of their own. Each is prepared when it is first needed.
 */
import { MAX_FEW_TOKENS } from "@blackmamba/kernels";
import type { Device } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { scratchByteLength } from "./scratch.ts";

/**
 * All programs' intermediate results together; with the logits and what decoding needs that is less than 64 MiB. For each token
 * BlackMamba-1.5B needs 37,288 bytes and 2.8B 47,608.
 */
const MAX_SCRATCH_BYTE_LENGTH = 62 << 20;

/** Tokens of a chunk, as many as memory allows: each of the 8 experts of the published models gets 128 of 1,024. */
const CHUNKS = [1024, 512, 256, 128];

/** Beyond `MAX_FEW_TOKENS` matrices are multiplied by tiles; so few tokens want smaller tiles than a whole chunk. */
const FEW_TOKENS = 256;

/** More are no faster on a processor, where there are no tiles to fill, and keep the event loop waiting for longer. */
const SOFTWARE_CHUNK = 256;

/** Ascending; the last is a chunk of a longer prompt. Tokens are computed by the smallest program that is made for as many. */
export function promptCapacities(config: ModelConfig, { software }: Pick<Device, "software">): readonly number[] {
  if (software) return [SOFTWARE_CHUNK];
  const upTo = (chunk: number) => [...[MAX_FEW_TOKENS, FEW_TOKENS].filter((tokens) => tokens < chunk), chunk];
  const byteLength = (capacities: readonly number[]) =>
    capacities.reduce((sum, tokens) => sum + scratchByteLength(config, tokens, "sequence"), 0);
  const fitting = CHUNKS.find((chunk) => byteLength(upTo(chunk)) <= MAX_SCRATCH_BYTE_LENGTH);
  return upTo(fitting ?? Math.min(...CHUNKS));
}
