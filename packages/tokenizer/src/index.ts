/** Text to token ids and back. See the package's README. */

export { createByteTokenizer } from "./byte-tokenizer.ts";
export {
  TokenIdError,
  TokenizerConfigError,
  TokenizerError,
  TokenizerFileError,
  UnknownTextError,
} from "./errors.ts";
export type { DecodeOptions, TokenStream } from "./token-stream.ts";
export { createTokenizer, type Tokenizer } from "./tokenizer.ts";
