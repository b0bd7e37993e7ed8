/**
 * What decoding is made of: stages that turn tokens into pieces of text as they come, each keeping only what it
 * cannot yet be sure of. Says nothing about which stages a tokenizer needs: see `create-stages.ts`.
 */

/** A step of decoding with a memory of its own. Serves one sequence, from its first token to `flush`. */
export interface DecodeStage {
  /** The pieces that became certain with this one. */
  push(piece: string): string[];
  /** What is left at the end. */
  flush(): string[];
}

/** The text that became certain with this token, through all stages; "" if none did. */
export function pushThrough(stages: readonly DecodeStage[], token: string): string {
  return stages.reduce((pieces, stage) => pieces.flatMap((piece) => stage.push(piece)), [token]).join("");
}

/** The text that was held back. Each stage sees the rest of the one before it, then gives up its own. */
export function flushThrough(stages: readonly DecodeStage[]): string {
  return stages
    .reduce<string[]>((pieces, stage) => [...pieces.flatMap((piece) => stage.push(piece)), ...stage.flush()], [])
    .join("");
}
