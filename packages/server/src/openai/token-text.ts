/** Single tokens as texts, in lists of log-probabilities. */
import type { ServedTokenizer } from "../served-model.ts";

/**
 * The text of a token by itself. One that is no text by itself, such as half a character, is written `token_id:123`, as vLLM does:
 * else several would have the same name.
 */
export function tokenText(id: number, tokenizer: Pick<ServedTokenizer, "decode">): string {
  const text = tokenizer.decode([id]);
  return text === "" || text.includes("\uFFFD") ? `token_id:${id}` : text;
}
