/**
 * Several prompts at once, and several samples of each.
 */
import { PrefixCache } from "../prefix-cache.ts";
import type { BatchTextInputs } from "./batch-text.ts";
import type { GenerateOptions } from "./generate.ts";
import { checkCount, checkOptions, type PreparedModel, prepareText } from "./prepare-text.ts";
import { Scheduler } from "./scheduler.ts";
import type { GeneratedToken, GenerateResult } from "./token.ts";
import { TokenQueue } from "./token-queue.ts";

/** Options of `generateBatch`. */
export interface GenerateBatchOptions extends Omit<GenerateOptions, "state" | "echo" | "draft"> {
  /** Most texts that are generated at once; more wait for their turn. Default 32. */
  readonly batchSize?: number | undefined;
  /** Samples of each prompt, which is read once. Default 1. */
  readonly n?: number | undefined;
}

/** One generated token of a batch. */
export interface BatchToken extends GeneratedToken {
  /** Which prompt it continues. */
  readonly index: number;
  /** Which of the prompt's samples it is of: from 0 to n − 1. */
  readonly sample: number;
}

/** Enough to read each weight for many tokens, and few enough for their states to be small beside the weights. */
export const DEFAULT_BATCH_SIZE = 32;

/** Continues every prompt; tokens come in the order in which the device makes them. Returns why each text ended, prompt by prompt. */
export async function* generateBatchTokens(
  model: PreparedModel,
  prompts: readonly (string | ArrayLike<number>)[],
  { batchSize = DEFAULT_BATCH_SIZE, n = 1, ...options }: GenerateBatchOptions,
): AsyncGenerator<BatchToken, readonly GenerateResult[], undefined> {
  checkCount("batchSize", batchSize);
  checkCount("n", n);
  const settings = checkOptions(model, options);
  // Samples of a prompt begin at the same state.
  const ownCache =
    n > 1 && !options.cache
      ? new PrefixCache(model.renewable, { maxByteLength: 2 * model.renewable.current.engine.stateByteLength })
      : undefined;
  const cache = options.cache ?? ownCache;
  const texts: { readonly index: number; readonly sample: number; readonly inputs: BatchTextInputs }[] = [];
  for (const [index, prompt] of prompts.entries()) {
    for (let sample = 0; sample < n; sample++) {
      const inputs = await prepareText(model, prompt, { ...settings, cache }, { index: index * n + sample });
      texts.push({ index, sample, inputs });
    }
  }
  const size = Math.min(batchSize, texts.length);
  if (size === 0) return [];
  const scheduler = new Scheduler({ ...model, batchSize: size });
  const queue = new TokenQueue<BatchToken>();
  const results: GenerateResult[] = [];
  let left = texts.length;
  try {
    for (const [place, { index, sample, inputs }] of texts.entries()) {
      scheduler.add(inputs, {
        push: (tokens) => queue.push(tokens.map((token) => ({ index, sample, ...token }))),
        end: (result) => {
          results[place] = result;
          left -= 1;
          if (left === 0) queue.end(result);
        },
        fail: (error) => queue.fail(error),
      });
    }
    yield* queue.read();
    return results;
  } finally {
    await scheduler.dispose();
    await ownCache?.dispose();
  }
}
