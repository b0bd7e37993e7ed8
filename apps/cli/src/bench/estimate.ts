/** Whether a bench can end in reasonable time and memory, before it begins. For devices that compute on the processor. */
import type { Ceiling } from "@blackmamba/bench";
import { BenchTooLargeError } from "../errors.ts";

export interface Work {
  /** A preset's name. */
  readonly name: string;
  /** Parameters that one token uses. */
  readonly activeParameters: number;
  /** Bytes of all weights that are loaded. */
  readonly byteLength: number;
  /** Bytes that one token reads. */
  readonly activeByteLength: number;
  /** All tokens that will be decoded, and all tokens of prompts. */
  readonly decodedTokens: number;
  readonly promptTokens: number;
}

/** Weights may take so much of the host's memory; the rest is everyone else's. */
const MEMORY_SHARE = 0.7;

/** What kernels make of a ceiling on a processor, at a guess: for estimates alone. */
const SHARE_OF_CEILING = 0.3;

const HOUR_S = 3600;

/**
 * Throws when the weights leave the host no memory.
 *
 * @param memoryByteLength - of the host
 */
export function requireMemory({ name, byteLength }: Pick<Work, "name" | "byteLength">, memoryByteLength: number): void {
  const room = memoryByteLength * MEMORY_SHARE;
  if (byteLength <= room) return;
  throw new BenchTooLargeError(
    `${name}: expected weights of at most ${gigabytes(room)} on this machine's processor, found ${gigabytes(byteLength)}; ` +
      "use --quantize q8_0 or q4_0, a smaller preset, or a GPU",
  );
}

/**
 * Seconds, at a guess.
 *
 * @throws BenchTooLargeError when it would take more than an hour
 */
export function estimateSeconds(work: Work, { copyBytesPerSecond, flopsPerSecond }: Ceiling): number {
  const decode = (work.decodedTokens * work.activeByteLength) / (copyBytesPerSecond.median * SHARE_OF_CEILING);
  const prefill = (work.promptTokens * work.activeParameters * 2) / (flopsPerSecond.median * SHARE_OF_CEILING);
  const seconds = decode + prefill;
  if (seconds <= HOUR_S) return seconds;
  throw new BenchTooLargeError(
    `${work.name}: expected a bench of at most an hour, found about ${(seconds / HOUR_S).toFixed(1)} on this machine's ` +
      "processor; use smaller --tokens, --prompt-tokens, --context or --runs, a smaller preset, or a GPU",
  );
}

function gigabytes(byteLength: number): string {
  return `${(byteLength / 1e9).toFixed(1)} GB`;
}
