/**
 * The tokenizer within a GGUF file, as one of the model's files.
 */
import type { GgufCheckpoint } from "@blackmamba/checkpoint";
import { createGgufTokenizer, type Tokenizer, TokenizerError } from "@blackmamba/tokenizer";
import { ModelFileError } from "../errors.ts";

/** Opens it; `undefined` where there is none. */
export function openTokenizerWithin({ name, values }: GgufCheckpoint): Tokenizer | undefined {
  try {
    return createGgufTokenizer(values);
  } catch (cause) {
    if (!(cause instanceof TokenizerError)) throw cause;
    throw new ModelFileError(`${name}: ${cause.message}`, { cause });
  }
}
