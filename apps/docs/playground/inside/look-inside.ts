/**
 * The inside of a text: what `model.trace` gives of it, with the words that its tokens stand for.
 */
import type { BlackMamba, Trace } from "@blackmamba/model/worker";

/** Hidden attention is a matrix of tokens × tokens for each layer, and a picture of more cells than this shows no more. */
const MAX_TOKENS = 256;

/** A text that was looked into. */
export interface Inside {
  /** What each token says, or its id where there is no tokenizer. */
  readonly words: readonly string[];
  readonly trace: Trace;
  /** Tokens that were left out at the end. */
  readonly omitted: number;
}

/** Looks into a text: a prompt and the ids that followed. */
export async function lookInside(
  signal: AbortSignal,
  model: BlackMamba,
  prompt: string | readonly number[],
  ids: readonly number[],
): Promise<Inside> {
  const promptIds = typeof prompt === "string" ? await model.tokenizer?.encodePrompt(prompt) : prompt;
  const all = [...(promptIds ?? []), ...ids];
  const shown = all.slice(0, MAX_TOKENS);
  const [trace, words] = await Promise.all([model.trace(shown, { signal }), wordsOf(model, shown)]);
  return { words, trace, omitted: all.length - shown.length };
}

/** What each id says by itself. */
async function wordsOf(model: BlackMamba, ids: readonly number[]): Promise<string[]> {
  const { tokenizer } = model;
  if (!tokenizer) return ids.map(String);
  const distinct = new Map<number, Promise<string>>();
  for (const id of ids) if (!distinct.has(id)) distinct.set(id, tokenizer.decode([id], { skipSpecialTokens: false }));
  return Promise.all(ids.map((id) => distinct.get(id) as Promise<string>));
}
