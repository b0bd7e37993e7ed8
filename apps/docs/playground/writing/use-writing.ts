/**
 * One text being written: its pieces as they come, how fast they came, and the way to stop.
 */
import type { BlackMamba, WorkerGenerateOptions } from "@blackmamba/model/worker";
import { onScopeDispose, type ShallowRef, shallowRef, triggerRef } from "vue";
import { messageOf } from "../format.ts";

/** A token that was written. */
export interface WrittenToken {
  readonly id: number;
  readonly text: string;
  /** ms after the start. */
  readonly atMs: number;
}

/** A text, as far as it has come. */
export interface Writing {
  readonly prompt: string;
  readonly seed: number;
  readonly tokens: WrittenToken[];
  status: "reading" | "writing" | "done" | "stopped" | "failed";
  failure?: string;
  /** ms from the start to the end, once there is one. */
  durationMs?: number;
}

/** The page's text, and what can be done with it. */
export interface WritingHandle {
  readonly writing: ShallowRef<Writing | undefined>;
  /** Writes a text in place of the one before. Never rejects: see `status`. */
  write(
    model: BlackMamba,
    prompt: string | number[],
    options: WorkerGenerateOptions & { readonly seed: number },
  ): Promise<void>;
  stop(): void;
  /** Forgets the text. */
  clear(): void;
}

/** Makes the page's text, for the component that is being set up. */
export function useWriting(): WritingHandle {
  const writing = shallowRef<Writing>();
  let controller: AbortController | undefined;
  let frame: number | undefined;

  /** Shows what has come with the next picture: tokens may come faster than these. */
  function showSoon(): void {
    frame ??= requestAnimationFrame(showNow);
  }

  function showNow(): void {
    if (frame !== undefined) cancelAnimationFrame(frame);
    frame = undefined;
    triggerRef(writing);
  }

  const write: WritingHandle["write"] = async (model, prompt, options) => {
    controller?.abort();
    const own = new AbortController();
    controller = own;
    const startMs = performance.now();
    const current: Writing = {
      prompt: typeof prompt === "string" ? prompt : prompt.join(" "),
      seed: options.seed,
      tokens: [],
      status: "reading",
    };
    writing.value = current;
    try {
      for await (const { id, text } of model.generate(prompt, { ...options, signal: own.signal })) {
        current.status = "writing";
        current.tokens.push({ id, text, atMs: performance.now() - startMs });
        showSoon();
      }
      current.status = "done";
    } catch (error) {
      current.status = own.signal.aborted ? "stopped" : "failed";
      if (!own.signal.aborted) current.failure = messageOf(error);
    }
    current.durationMs = performance.now() - startMs;
    // In a tab in the background there are no pictures, but the text goes on.
    showNow();
  };

  function stop(): void {
    controller?.abort();
    // What has come by now, whenever the next picture is.
    showNow();
  }

  function clear(): void {
    stop();
    writing.value = undefined;
  }

  onScopeDispose(stop);
  return { writing, write, stop, clear };
}

/** Tokens per second between the first and the last. */
export function tokensPerSecond({ tokens }: Writing): number | undefined {
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (!first || !last || last.atMs <= first.atMs) return undefined;
  return ((tokens.length - 1) * 1000) / (last.atMs - first.atMs);
}

/** How fast a text was written around a moment. */
export interface Rate {
  /** s after the start. */
  readonly seconds: number;
  readonly tokensPerSecond: number;
}

/** The rate over time, in so many parts of equal length at most. */
export function rates(tokens: readonly WrittenToken[], parts = 60): Rate[] {
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (!first || !last || last.atMs <= first.atMs) return [];
  // No part without several tokens: a clock of a millisecond would make noise of it.
  const count = Math.max(1, Math.min(parts, Math.floor(tokens.length / 4)));
  const partMs = (last.atMs - first.atMs) / count;
  const inPart = new Array<number>(count).fill(0);
  for (const { atMs } of tokens.slice(1)) {
    const part = Math.min(count - 1, Math.floor((atMs - first.atMs) / partMs));
    inPart[part] = (inPart[part] as number) + 1;
  }
  return inPart.map((tokensInPart, part) => ({
    seconds: (first.atMs + (part + 0.5) * partMs) / 1000,
    tokensPerSecond: (tokensInPart * 1000) / partMs,
  }));
}
