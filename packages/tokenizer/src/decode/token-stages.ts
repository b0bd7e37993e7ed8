/**
 * Stages whose text for a token is certain at once, because it depends on that token and at most on whether it is
 * the first. The text itself is the library's: a stage only shows it as much context as it looks at.
 */
import type { Decoder } from "../library.ts";
import type { DecodeStage } from "./stage.ts";

type TokenDecoder = Pick<Decoder, "decode_chain">;

/** For decoders that look at one token alone (Replace, Strip). */
export function eachTokenStage(decoder: TokenDecoder): DecodeStage {
  return { push: (token) => decoder.decode_chain([token]), flush: () => [] };
}

/** For decoders that treat the first token differently (Metaspace, WordPiece). */
export function firstTokenStage(decoder: TokenDecoder): DecodeStage {
  let first = true;
  return {
    push(token) {
      if (!first) return decoder.decode_chain(["", token]).slice(1);
      first = false;
      return decoder.decode_chain([token]);
    },
    flush: () => [],
  };
}

/** For a tokenizer without a decoder: its tokens stand with a space between them. */
export function spacedTokensStage(): DecodeStage {
  return firstTokenStage({
    decode_chain: (tokens) => tokens.map((token, index) => (index === 0 ? token : ` ${token}`)),
  });
}
