/**
 * Scores texts one after another, and tells of each as soon as it is known, so that a run that breaks off can go on later.
 */

/** How far an evaluation has come. */
export interface EvalProgress {
  /** Bytes of documents, or lines; a fraction of a document counts too. */
  readonly done: number;
  readonly total: number;
}

/** Options of every evaluation. */
export interface EvalOptions<Score> {
  /** The id that stands before a text. Default the tokenizer's start token, else its end token. */
  readonly startId?: number | undefined;
  /** Scores of texts that were scored before, by their index: these are not scored again. */
  readonly known?: Iterable<Score> | undefined;
  /** Told each new score; the next text waits until it is done with it. */
  readonly onScore?: ((score: Score) => void | Promise<void>) | undefined;
  /** Told how far it is: at the beginning, after each chunk of a document, and after each text. */
  readonly onProgress?: ((progress: EvalProgress) => void) | undefined;
  /** Ends it, within a text too. */
  readonly signal?: AbortSignal | undefined;
}

/** What is done with each text. */
interface Scoring<Score> {
  /** Its share of all the work. */
  weigh(text: string): number;
  /** @param onShare - to be told how much of it is done, from 0 to 1 */
  score(text: string, index: number, onShare: (share: number) => void): Promise<Score>;
}

/** Scores of all texts, in their order: what is known, and what is computed now. */
export async function scoreEach<Score extends { readonly index: number }>(
  texts: readonly string[],
  { weigh, score }: Scoring<Score>,
  { known = [], onScore, onProgress, signal }: EvalOptions<Score>,
): Promise<Score[]> {
  const scores = new Map(Array.from(known, (each) => [each.index, each]));
  const weights = texts.map(weigh);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let done = weights.reduce((sum, weight, index) => sum + (scores.has(index) ? weight : 0), 0);
  const all: Score[] = [];
  onProgress?.({ done, total });
  for (const [index, text] of texts.entries()) {
    signal?.throwIfAborted();
    const before = scores.get(index);
    if (before) {
      all.push(before);
      continue;
    }
    const weight = weights[index] as number;
    const own = await score(text, index, (share) => onProgress?.({ done: done + share * weight, total }));
    await onScore?.(own);
    all.push(own);
    done += weight;
    onProgress?.({ done, total });
  }
  return all;
}
