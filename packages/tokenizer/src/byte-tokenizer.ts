/**
 * Text as its bytes in UTF-8, for models without a vocabulary of their own, such as MambaByte (arXiv 2401.13660).
 */
import { TokenIdError } from "./errors.ts";
import type { TokenStream } from "./token-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { isTokenId } from "./tokenizer-json.ts";

/** As many ids as a byte has values. */
const VOCAB_SIZE = 256;

/**
 * Makes a tokenizer whose ids are the bytes of a text in UTF-8. There are no special tokens: no start, and no end. A token is
 * written `<0x41>`. Bytes that are no UTF-8 become U+FFFD, and ids beyond 255, which a padded vocabulary has, give no text.
 */
export function createByteTokenizer(): Tokenizer {
  const encode = (text: string) => [...new TextEncoder().encode(text)];
  const stream = (): TokenStream => {
    // A byte order mark is text like any other.
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push(id) {
        if (!isTokenId(id)) throw new TokenIdError(id);
        return id < VOCAB_SIZE ? decoder.decode(Uint8Array.of(id), { stream: true }) : "";
      },
      flush: () => decoder.decode(),
    };
  };
  return {
    encode,
    encodePrompt: encode,
    decode(ids) {
      const bytes = stream();
      let text = "";
      for (const id of ids) text += bytes.push(id);
      return text + bytes.flush();
    },
    stream,
    tokenToId(token) {
      const hex = /^<0x([0-9A-F]{2})>$/.exec(token)?.[1];
      return hex === undefined ? undefined : Number.parseInt(hex, 16);
    },
    idToToken: (id) =>
      isTokenId(id) && id < VOCAB_SIZE ? `<0x${id.toString(16).toUpperCase().padStart(2, "0")}>` : undefined,
    vocabSize: VOCAB_SIZE,
    bosToken: undefined,
    bosTokenId: undefined,
    addBosToken: false,
    eosToken: undefined,
    eosTokenId: undefined,
    endTokenId: undefined,
  };
}
