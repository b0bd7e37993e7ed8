/**
 * Text from a model, token by token: keeps the device busy a little ahead of the reader, and turns ids into text as it becomes
 * certain. What the device did ahead when a text ends is discarded.
 */
import type { QueuedIds } from "../forward/choose.ts";
import type { ModelState } from "../model-state.ts";
import type { PrefixCache } from "../prefix-cache.ts";
import type { DraftOptions } from "./draft/draft.ts";
import type { LimitOptions } from "./limits.ts";
import type { Pace } from "./pace.ts";
import type { LogitOptions } from "./processors.ts";
import type { SamplingOptions } from "./sampling.ts";
import type { TextProgress } from "./text-progress.ts";
import type { GeneratedToken, GenerateResult } from "./token.ts";

/** Options of `generate`. */
export interface GenerateOptions extends SamplingOptions, LimitOptions, LogitOptions {
  /** Tells the prompt's tokens first. Default false. */
  readonly echo?: boolean | undefined;
  /**
   * The text continues the one that this state has read, and the prompt may then have no ids. The state goes along: at the end it has
   * read the prompt and the tokens that were told. Nobody else can use it before that.
   */
  readonly state?: ModelState | undefined;
  /** Where the beginnings of earlier prompts are remembered, and this one is. Not used with a state that has read something. */
  readonly cache?: PrefixCache | undefined;
  /**
   * Guesses at what comes, of a smaller model or from the text itself, so that one run of the model may bring several tokens. The text is
   * the same, but for rounding. Not in batches, and not with `logprobs` or `logitProcessors`.
   */
  readonly draft?: DraftOptions | undefined;
  /** Ends the generation: the iteration throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Where ids come from: one sequence of a model. `start` and `step` resolve when the work is queued. */
export interface IdSource {
  readonly pace: Pace;
  /** Reads the prompt, and after it the ids that were taken, and chooses the next id. */
  start(): Promise<QueuedIds>;
  /** Chooses so many more. */
  step(times: number): Promise<QueuedIds>;
  /** Tells an id that became a part of the text. */
  take(id: number): void;
  /** After a failure: resolves when there is another device to `start` on; else throws the error on. */
  recover(error: unknown): Promise<void>;
}

/** Goes on until the text ends. */
export async function* generateTokens(
  source: IdSource,
  progress: TextProgress,
  maxTokens: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<GeneratedToken, GenerateResult, undefined> {
  let underWay: QueuedIds[] = [];
  let queued = 0;
  let isStarted = false;
  for (;;) {
    let run: QueuedIds | undefined;
    let ids: Uint32Array;
    let logits: Float32Array | undefined;
    try {
      while (underWay.length < source.pace.depth && queued < maxTokens) {
        signal?.throwIfAborted();
        const { pace } = source;
        const isStep = isStarted;
        // The prompt gives the first.
        const steps = isStep ? pace.steps(maxTokens - queued) : 1;
        const queuedAt = performance.now();
        const next = isStep ? await source.step(steps) : await source.start();
        isStarted = true;
        queued += steps;
        // Timed when it is done, however late the reader comes for it. A failure is thrown where the ids are waited for.
        next.ids
          .then(() => (isStep ? pace.note(steps, queuedAt, performance.now()) : pace.noteOther(performance.now())))
          .catch(() => {});
        underWay.push(next);
      }
      run = underWay.shift();
      if (!run) return { finishReason: "length" };
      ids = await run.ids;
      logits = await run.logits;
    } catch (error) {
      await source.recover(error);
      // What was under way went with the device.
      [underWay, queued, isStarted] = [[], progress.taken, false];
      continue;
    }
    for (const chosen of ids) {
      signal?.throwIfAborted();
      const { id, tokens, finishReason } = progress.accept(chosen, logits);
      if (id !== undefined) source.take(id);
      yield* tokens;
      if (finishReason) return { finishReason };
    }
  }
}
