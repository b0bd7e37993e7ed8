/** Which of the words that there are someone may have meant. */

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
    const changes = changesBetween(word, each);
    if (changes >= least || changes >= each.length) continue;
    [nearest, least] = [each, changes];
  }
  return nearest;
}

/** Letters to insert, remove, replace, or swap with their neighbour (optimal string alignment). */
function changesBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let changes = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, replaced);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) changes = Math.min(changes, (beforeLast[j - 2] as number) + 1);
      row.push(changes);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] as number;
}
