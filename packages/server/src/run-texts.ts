/** The texts of a request, made all at once; each token is handed on as it comes. */
import type { FinishReason, GeneratedToken } from "@blackmamba/model";
import type { Exchange } from "./exchange.ts";
import type { Prompt, TextRequest } from "./openai/text-request.ts";
import type { DoneText } from "./openai/wire-format.ts";
import type { Generate } from "./served-model.ts";

/** Who is told of texts as they come. A text waits for what it is told. */
export interface TextListener {
  /** Before a text's first token. */
  onOpening?(index: number): Promise<void>;
  onToken?(index: number, token: GeneratedToken): Promise<void>;
  onClosing?(index: number, finishReason: FinishReason): Promise<void>;
  /** So long after the one before of the same text, or, of the first, after the request. */
  onTiming(durationMs: number, isFirst: boolean): void;
  /** A text has ended, however it did. */
  onPlaceFree(): void;
}

/**
 * Makes the texts, of which `index` counts those of all prompts. When one fails, the others are ended too.
 *
 * @returns what the texts are, in order
 */
export async function runTexts(
  request: TextRequest,
  generate: Generate,
  exchange: Exchange,
  listener: TextListener,
): Promise<DoneText[]> {
  const startedAt = performance.now();
  exchange.counts.promptTokens = request.prompts.reduce((sum, { ids }) => sum + ids.length, 0);
  const texts = request.prompts.flatMap((prompt, at) =>
    Array.from({ length: request.n }, (_, nth) => runText(prompt, at * request.n + nth, nth)),
  );
  // All have ended before anything is said about one: places are free then, and nothing is written any more.
  await Promise.allSettled(texts);
  return Promise.all(texts);

  async function runText(prompt: Prompt, index: number, nth: number): Promise<DoneText> {
    try {
      return await readText(prompt, index, nth);
    } catch (error) {
      exchange.abort(error);
      throw exchange.signal.reason;
    } finally {
      listener.onPlaceFree();
    }
  }

  async function readText(prompt: Prompt, index: number, nth: number): Promise<DoneText> {
    const { counts } = exchange;
    const signal = exchange.textSignal();
    signal.throwIfAborted();
    const { seed, ...options } = request.options;
    // The texts of one prompt differ, and each is what it would be alone.
    const ownSeed = seed === undefined ? undefined : (seed + nth) % 2 ** 32;
    const generation = generate(prompt.ids, { ...options, seed: ownSeed, signal });
    const tokens: GeneratedToken[] = [];
    let hidden = prompt.addedIds;
    let isOpen = false;
    let lastAt: number | undefined;
    try {
      for (;;) {
        const next = await generation.next();
        signal.throwIfAborted();
        if (!isOpen) await listener.onOpening?.(index);
        isOpen = true;
        if (next.done === true) {
          const { finishReason } = next.value;
          await listener.onClosing?.(index, finishReason);
          return { tokens, finishReason };
        }
        const token = next.value;
        if (token.isPrompt === true && hidden > 0) {
          // What the client did not send is not echoed either.
          hidden -= 1;
          continue;
        }
        if (token.isPrompt !== true) {
          const now = performance.now();
          listener.onTiming(now - (lastAt ?? startedAt), lastAt === undefined);
          lastAt = now;
          counts.completionTokens += 1;
          counts.firstTokenMs ??= now - startedAt;
        }
        if (listener.onToken) await listener.onToken(index, token);
        else tokens.push(token);
      }
    } finally {
      // Also where a listener failed: the slot is given back.
      await generation.return({ finishReason: "stop" });
    }
  }
}
