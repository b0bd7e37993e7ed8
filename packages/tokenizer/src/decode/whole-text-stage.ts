/**
 * For decoders whose text for a token may depend on tokens far away (CTC, BPEDecoder, Replace after Fuse, a suffix
 * that marks the end of words): all text comes at the end, because none is certain before.
 */
import type { Decoder } from "../library.ts";
import type { DecodeStage } from "./stage.ts";

export function wholeTextStage(decoder: Decoder | null, endOfWordSuffix: string | null | undefined): DecodeStage {
  let tokens: string[] = [];
  return {
    push(token) {
      tokens.push(token);
      return [];
    },
    flush() {
      const text = decoder === null ? tokens.join(" ") : decoder.decode_chain(tokens).join("");
      tokens = [];
      return [endOfWordSuffix ? text.replaceAll(endOfWordSuffix, " ") : text];
    },
  };
}
