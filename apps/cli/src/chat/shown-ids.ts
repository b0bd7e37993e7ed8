/** The ids of a text that was shown, where it ends within what its last token says. */

/** What a generation has told. */
export interface ShownToken {
  readonly id: number;
  readonly text: string;
}

interface Codec {
  encode(text: string): number[];
  decode(ids: Iterable<number>): string;
}

/**
 * Ids that say exactly what was shown: those of the tokens themselves, unless a stop string or an interruption has cut off a part
 * of the last one, or it ends within a character.
 */
export function shownIds(tokens: readonly ShownToken[], codec: Codec): number[] {
  const text = tokens.map((token) => token.text).join("");
  const says = (ids: readonly number[]): boolean => codec.decode(ids) === text;
  const ids = tokens.map(({ id }) => id);
  if (says(ids)) return ids;
  const end = tokens.findLastIndex((token) => token.text !== "");
  const whole = ids.slice(0, end + 1);
  if (says(whole)) return whole;
  const cut = [...ids.slice(0, end), ...codec.encode(tokens[end]?.text ?? "")];
  return says(cut) ? cut : codec.encode(text);
}
