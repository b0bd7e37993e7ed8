/** Which of the words that there are someone may have meant. */
import { distance } from "fastest-levenshtein";

/** `; did you mean X?`, or nothing where none is near. */
export function orNearest(word: string, known: readonly string[]): string {
  const nearest = nearestWord(word, known);
  return nearest === undefined ? "" : `; did you mean ${nearest}?`;
}

/** The one that the fewest changes of letters make of it, if these are few for its length; or the one that it is the beginning of. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const begun = known.filter((each) => word !== "" && each.startsWith(word));
  if (begun.length === 1) return begun[0];
  let nearest: string | undefined;
  let least = Math.floor(word.length / 3) + 2;
  for (const each of known) {
    const changes = distance(word, each);
    if (changes >= least || changes >= each.length) continue;
    [nearest, least] = [each, changes];
  }
  return nearest;
}
