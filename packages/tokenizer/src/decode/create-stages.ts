/**
 * Chooses the stages that decode what a tokenizer's decoder decodes. Both `decode` and `stream` run them, so that
 * streamed text is decoded text by construction. The rules of each stage are in its own file.
 */
import type { Decoder, LibraryTokenizer, StripDecoder } from "../library.ts";
import { byteFallbackStage, byteLevelStage } from "./byte-stages.ts";
import type { DecodeStage } from "./stage.ts";
import { stripTextStage } from "./strip-stage.ts";
import { eachTokenStage, firstTokenStage, spacedTokensStage } from "./token-stages.ts";
import { wholeTextStage } from "./whole-text-stage.ts";

/** Fresh stages for one sequence of tokens. */
export function createStages(tokenizer: LibraryTokenizer, isAddedToken: (token: string) => boolean): DecodeStage[] {
  const { decoder, model } = tokenizer;
  const stages = model.end_of_word_suffix ? undefined : streamingStages(decoder, isAddedToken);
  return stages ?? [wholeTextStage(decoder, model.end_of_word_suffix)];
}

/** Undefined where the decoder cannot be run on one token after the other. */
function streamingStages(decoder: Decoder | null, isAddedToken: (token: string) => boolean): DecodeStage[] | undefined {
  if (decoder === null) return [spacedTokensStage()];
  const stages: DecodeStage[] = [];
  // What the next decoder would be given: tokens; fragments of tokens, once bytes were joined; or, after Fuse, one text.
  let given: "tokens" | "fragments" | "text" = "tokens";
  for (const step of flatten(decoder)) {
    const { type } = step.config;
    if (type === "Fuse") {
      given = "text";
    } else if (type === "Strip" && given === "text") {
      stages.push(stripTextStage(step as StripDecoder));
    } else if (given !== "tokens") {
      return undefined;
    } else if (type === "Replace" || type === "Strip") {
      stages.push(eachTokenStage(step));
    } else if (type === "Metaspace" || type === "WordPiece") {
      stages.push(firstTokenStage(step));
    } else if (type === "ByteLevel") {
      stages.push(byteLevelStage(isAddedToken));
      given = "fragments";
    } else if (type === "ByteFallback") {
      stages.push(byteFallbackStage());
      given = "fragments";
    } else {
      return undefined;
    }
  }
  return stages;
}

/** The decoders in order, those of a Sequence in its place. */
function flatten(decoder: Decoder): readonly Decoder[] {
  return decoder.decoders?.flatMap(flatten) ?? [decoder];
}
