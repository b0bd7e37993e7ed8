/**
 * Corrects one thing in the library: its byte-level splitting uses JavaScript's `\s`, which takes U+FEFF for white
 * space and not U+0085. Tokenizers are trained with Unicode's White_Space, so such text would get other ids.
 */
import { ByteLevelPreTokenizer, type PreTokenizer } from "./library.ts";

/** GPT-2's splitting pattern, with Unicode's notion of white space. */
const BYTE_LEVEL_PATTERN =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

export function useUnicodeWhiteSpace(preTokenizer: PreTokenizer | null): void {
  if (preTokenizer instanceof ByteLevelPreTokenizer) preTokenizer.pattern = BYTE_LEVEL_PATTERN;
  for (const step of preTokenizer?.tokenizers ?? []) useUnicodeWhiteSpace(step);
}
