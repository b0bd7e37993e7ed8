/**
 * The inside of a text: what `model.trace` gives of it, with the words that its tokens stand for.
 */
import type { BlackMamba, Trace } from "@blackmamba/model/worker";
import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import { messageOf } from "../model/use-model.ts";

/** Hidden attention is a matrix of tokens × tokens for each layer, and a picture of more cells than this shows no more. */
export const MAX_TOKENS = 256;

/** A text that was looked into. */
export interface Inside {
  /** What each token says, or its id where there is no tokenizer. */
  readonly words: readonly string[];
  readonly trace: Trace;
  /** Tokens that were left out at the end. */
  readonly omitted: number;
}

/** The inside of the page's text, and what can be done with it. */
export interface InsideHandle {
  readonly inside: ShallowRef<Inside | undefined>;
  readonly busy: ShallowRef<boolean>;
  readonly failure: ShallowRef<string | undefined>;
  /** Looks into a text: a prompt and the ids that followed. Never rejects: see `failure`. */
  look(model: BlackMamba, prompt: string | readonly number[], ids: readonly number[]): Promise<void>;
  /** Forgets it, and ends looking. */
  clear(): void;
}

/** Makes the inside of the page's text, for the component that is being set up. */
export function useInside(): InsideHandle {
  const inside = shallowRef<Inside>();
  const busy = shallowRef(false);
  const failure = shallowRef<string>();
  let controller: AbortController | undefined;

  const look: InsideHandle["look"] = async (model, prompt, ids) => {
    clear();
    const own = new AbortController();
    controller = own;
    busy.value = true;
    try {
      const promptIds = typeof prompt === "string" ? await model.tokenizer?.encodePrompt(prompt) : prompt;
      const all = [...(promptIds ?? []), ...ids];
      const shown = all.slice(0, MAX_TOKENS);
      const [trace, words] = await Promise.all([model.trace(shown, { signal: own.signal }), wordsOf(model, shown)]);
      if (controller === own) inside.value = { words, trace, omitted: all.length - shown.length };
    } catch (error) {
      if (!own.signal.aborted) failure.value = messageOf(error);
    } finally {
      if (controller === own) busy.value = false;
    }
  };

  function clear(): void {
    controller?.abort();
    controller = undefined;
    inside.value = undefined;
    failure.value = undefined;
    busy.value = false;
  }

  onScopeDispose(clear);
  return { inside, busy, failure, look, clear };
}

/** What each id says by itself. */
async function wordsOf(model: BlackMamba, ids: readonly number[]): Promise<string[]> {
  const { tokenizer } = model;
  if (!tokenizer) return ids.map(String);
  const distinct = new Map<number, Promise<string>>();
  for (const id of ids) if (!distinct.has(id)) distinct.set(id, tokenizer.decode([id], { skipSpecialTokens: false }));
  return Promise.all(ids.map((id) => distinct.get(id) as Promise<string>));
}
