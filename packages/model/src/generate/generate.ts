/**
 * Text from a model, token by token: keeps the device busy a little ahead of the reader, and turns ids into text as it becomes
 * certain. What the device did ahead when a text ends is discarded.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import { NoTokenizerError, OptionError } from "../errors.ts";
import type { Pace } from "./pace.ts";
import { checkChosen, type SamplingOptions } from "./sampling.ts";
import { GeneratedText, type GeneratedToken } from "./text.ts";

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions {
  /** Most tokens to generate. Default 200. */
  readonly maxTokens?: number | undefined;
  /**
   * Ends the text before the first of these that comes, also where it spans several tokens. Text that may be the beginning
   * of one is held back until that is known. Needs a tokenizer.
   */
  readonly stop?: string | readonly string[] | undefined;
  /** Ends the generation: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A run on the device that was queued. */
export interface ChosenIds {
  /** The ids it chooses, in order, as the sampler writes them: see {@link checkChosen}. */
  readonly ids: Promise<Uint32Array>;
}

/** Where ids come from: one sequence of a model. `start` and `step` resolve when the work is queued. */
export interface IdSource {
  readonly pace: Pace;
  /** Reads the prompt, and after it the ids that were taken, and chooses the next id. */
  start(): Promise<ChosenIds>;
  /** Chooses so many more. */
  step(times: number): Promise<ChosenIds>;
  /** Tells an id that became a part of the text. */
  take(id: number): void;
  /** After a failure: resolves when there is another device to `start` on; else throws the error on. */
  recover(error: unknown): Promise<void>;
}

/** What generation needs of a model. */
export interface GenerateInputs {
  readonly source: IdSource;
  readonly tokenizer: Tokenizer | undefined;
}

/** Where a text ends. */
export interface TextLimits {
  readonly maxTokens: number;
  readonly stops: readonly string[];
}

/** A few paragraphs. */
const DEFAULT_MAX_TOKENS = 200;

/**
 * Where a text with these options ends.
 *
 * @throws OptionError naming the option; NoTokenizerError for a stop string without a tokenizer
 */
export function limitsOf(
  { maxTokens = DEFAULT_MAX_TOKENS, stop = [] }: Pick<GenerateOptions, "maxTokens" | "stop">,
  tokenizer: Tokenizer | undefined,
): TextLimits {
  if (!Number.isInteger(maxTokens) || maxTokens < 0) {
    throw new OptionError("maxTokens", "a whole number of at least 0", maxTokens);
  }
  const stops: readonly unknown[] = typeof stop === "string" ? [stop] : stop;
  for (const text of Array.isArray(stops) ? stops : [stops]) {
    if (typeof text === "string" && text !== "") continue;
    throw new OptionError("stop", "a text, or several, none of them empty", JSON.stringify(text));
  }
  if (stops.length > 0 && !tokenizer) {
    throw new NoTokenizerError(
      "option stop: the model was loaded without a tokenizer, so its ids have no text to look for",
    );
  }
  return { maxTokens, stops: stops as readonly string[] };
}

/**
 * Continues the prompt until `maxTokens`, a stop string, or the tokenizer's end token, which is not itself part of the result.
 */
export async function* generateTokens(
  { source, tokenizer }: GenerateInputs,
  { maxTokens, stops }: TextLimits,
  signal: AbortSignal | undefined,
): AsyncGenerator<GeneratedToken, void, undefined> {
  const text = new GeneratedText(tokenizer?.stream(), stops);
  let underWay: Promise<Uint32Array>[] = [];
  let [queued, taken] = [0, 0];
  let isStarted = false;
  for (;;) {
    let ids: Uint32Array | undefined;
    try {
      while (underWay.length < source.pace.depth && queued < maxTokens) {
        signal?.throwIfAborted();
        const { pace } = source;
        const isStep = isStarted;
        // The prompt gives the first.
        const steps = isStep ? pace.steps(maxTokens - queued) : 1;
        const queuedAt = performance.now();
        const { ids } = isStep ? await source.step(steps) : await source.start();
        isStarted = true;
        queued += steps;
        // Timed when it is done, however late the reader comes for it. A failure is thrown where the ids are waited for.
        ids
          .then(() => (isStep ? pace.note(steps, queuedAt, performance.now()) : pace.noteOther(performance.now())))
          .catch(() => {});
        underWay.push(ids);
      }
      ids = await underWay.shift();
    } catch (error) {
      await source.recover(error);
      // What was under way went with the device.
      [underWay, queued, isStarted] = [[], taken, false];
      continue;
    }
    if (!ids) break;
    for (const chosen of ids) {
      signal?.throwIfAborted();
      const id = checkChosen(chosen);
      source.take(id);
      taken += 1;
      if (id === tokenizer?.endTokenId) return yield* text.end();
      yield* text.push(id);
      if (text.stopped) return;
    }
  }
  yield* text.end();
}
