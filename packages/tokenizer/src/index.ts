/**
 * Text to token ids and back. See the package's README.
 *
 * @packageDocumentation
 * @mergeModuleWith <project>
 */
export { createByteTokenizer } from "./byte-tokenizer.ts";
export {
  ChatTemplateError,
  GgufTokenizerError,
  TokenIdError,
  TokenizerConfigError,
  TokenizerError,
  TokenizerFileError,
  UnknownTextError,
} from "./errors.ts";
export { createGgufTokenizer } from "./gguf-tokenizer.ts";
export { ggufTokenizerValues, type TokenizerGgufValue } from "./gguf-values.ts";
export type { DecodeOptions, TokenStream } from "./token-stream.ts";
export { createTokenizer, type Tokenizer } from "./tokenizer.ts";
