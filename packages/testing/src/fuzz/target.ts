/** What is fuzzed: a way to read a file, and a way to make files that it should not stumble over. */
import type { Random } from "./random.ts";

/** A reader and its files. It stands beside the reader, in a `*.fuzz.ts` that exports it as `target`. */
export interface FuzzTarget {
  /** What it is called in commands and messages. */
  readonly name: string;
  /** How many files `npm test` makes: more of what is read fast. */
  readonly files: number;
  /** Makes one file; the same of the same numbers. */
  make(random: Random): Uint8Array;
  /** Reads the file as a user would, tensors and all. Throws what the reader throws, or an `Error` where it read wrong. */
  read(file: Uint8Array): Promise<void>;
  /** What a file is refused with. Anything else that is thrown is a mistake. */
  readonly refusals: readonly (abstract new (
    ...args: never
  ) => Error & { readonly code: string })[];
  /** What a campaign has to meet, "read" or codes of refusals: one that is turned away at the door finds nothing. */
  readonly outcomes: readonly string[];
}

/** A file that was neither read nor refused, or not within the bounds. */
export class FuzzFailure extends Error {}

/** Reads a file: "read", or the code it was refused with. Throws `FuzzFailure` on anything else. */
export async function outcomeOf(target: FuzzTarget, file: Uint8Array): Promise<string> {
  try {
    await target.read(file);
    return "read";
  } catch (error) {
    const refusal = target.refusals.some((Refusal) => error instanceof Refusal);
    if (refusal) return (error as { code: string }).code;
    throw new FuzzFailure(`neither read nor refused: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
