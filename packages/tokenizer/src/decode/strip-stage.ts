/**
 * Strips a character from both ends of a text that comes in pieces: Strip after Fuse, as in Llama's tokenizers.
 * Not for Strip before Fuse, which looks at each token: see `token-stages.ts`.
 */
import type { StripDecoder } from "../library.ts";
import type { DecodeStage } from "./stage.ts";

/** Drops up to `start` characters at the beginning and `stop` at the end, as long as they are `content`. */
export function stripTextStage({
  content,
  start,
  stop,
}: Pick<StripDecoder, "content" | "start" | "stop">): DecodeStage {
  let startLeft = start;
  let held = "";
  return {
    push(piece) {
      let from = 0;
      while (startLeft > 0 && piece[from] === content) {
        startLeft -= 1;
        from += 1;
      }
      if (from < piece.length) startLeft = 0;
      const text = held + piece.slice(from);
      // Only the last `stop` characters can turn out to be the end.
      let to = text.length;
      while (to > 0 && text.length - to < stop && text[to - 1] === content) to -= 1;
      held = text.slice(to);
      return [text.slice(0, to)];
    },
    flush: () => [],
  };
}
