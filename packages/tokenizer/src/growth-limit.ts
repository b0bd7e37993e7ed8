/**
 * Holds the steps of a tokenizer to a multiple of the text that they are given. Each may make a text a little longer, and a file
 * may have many of them: forty that write each letter twice would fill any memory.
 */
import { TokenizerFileError } from "./errors.ts";
import type { Decoder, LibraryTokenizer, Normalizer, PreTokenizer } from "./library.ts";

/** Unicode's own normal forms make at most 18 characters of one; spelling out bytes makes up to 3 of one. */
const [TIMES, FEW] = [64, 4096];

/** A limit that is set anew for each text. */
export class GrowthLimit {
  #most = FEW;

  /** From here on a step may make `64 · length + 4096` characters. */
  startText(length: number): void {
    this.#most = TIMES * length + FEW;
  }

  /** Puts the limit on a tokenizer's steps, in their place. */
  guard({ normalizer, pre_tokenizer, decoder }: LibraryTokenizer): void {
    if (normalizer) this.#guardNormalizer(normalizer);
    if (pre_tokenizer) this.#guardPreTokenizer(pre_tokenizer);
    if (decoder) this.#guardDecoder(decoder);
  }

  #guardNormalizer(step: Normalizer): void {
    for (const inner of step.normalizers ?? []) if (inner) this.#guardNormalizer(inner);
    const normalize = step.normalize.bind(step);
    step.normalize = (text) => this.#checked([normalize(text)])[0] as string;
  }

  #guardPreTokenizer(step: PreTokenizer): void {
    for (const inner of step.tokenizers ?? []) if (inner) this.#guardPreTokenizer(inner);
    const preTokenize = step.pre_tokenize.bind(step);
    step.pre_tokenize = (text, options) => this.#checked(preTokenize(text, options));
  }

  #guardDecoder(step: Decoder): void {
    for (const inner of step.decoders ?? []) this.#guardDecoder(inner);
    const decode = step.decode_chain.bind(step);
    step.decode_chain = (tokens) => this.#checked(decode(tokens));
  }

  #checked(pieces: string[]): string[] {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (length <= this.#most) return pieces;
    throw new TokenizerFileError(
      `expected steps that make at most ${this.#most} characters of this text, found one that makes ${length}; take the file from the model's own repository`,
    );
  }
}
