/**
 * Stages for vocabularies in which a token may be part of a character. They hold back the bytes of an unfinished
 * character, never more than three, and give U+FFFD only for bytes that no later byte can complete.
 */
import { bytesOfToken } from "../byte-alphabet.ts";
import type { DecodeStage } from "./stage.ts";

/** Byte-level tokens: all of them are bytes, except the added ones, which are text as they stand. */
export function byteLevelStage(isAddedToken: (token: string) => boolean): DecodeStage {
  return byteRunStage((token) => (isAddedToken(token) ? undefined : bytesOfToken(token)));
}

const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

/** Byte fallback: tokens of the form `<0x0A>` are a byte each, all others are text. */
export function byteFallbackStage(): DecodeStage {
  return byteRunStage((token) => {
    const hex = BYTE_TOKEN.exec(token)?.[1];
    return hex === undefined ? undefined : Uint8Array.of(Number.parseInt(hex, 16));
  });
}

/** Decodes runs of bytes as UTF-8; a token without bytes ends the run. */
function byteRunStage(bytesOf: (token: string) => Uint8Array | undefined): DecodeStage {
  // U+FEFF is a character of the text like any other, wherever a run begins.
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push(token) {
      const bytes = bytesOf(token);
      return bytes === undefined ? [utf8.decode(), token] : [utf8.decode(bytes, { stream: true })];
    },
    flush: () => [utf8.decode()],
  };
}
