/**
 * Perplexity: how many equally likely tokens a model chooses among, on average, at each token of a text. With the other figures that
 * follow from the same sum, of which those of a word and of a byte do not depend on the tokenizer.
 */
import { EvalInputError } from "./errors.ts";
import { type EvalModel, type EvalTokenizer, startIdOf, tokenizerOf } from "./eval-model.ts";
import { type EvalOptions, scoreEach } from "./score-each.ts";
import { countWords } from "./white-space.ts";
import { checkWindows, rollingWindows, type WindowOptions } from "./windows.ts";

/** What was counted in a document; the document's figures follow from it. */
export interface DocumentScore {
  /** Of the document among all, from 0 on. */
  readonly index: number;
  /** Tokens that were scored: all of the document's own. */
  readonly tokens: number;
  /** Pieces between white space. */
  readonly words: number;
  /** Bytes of the text in UTF-8. */
  readonly bytes: number;
  /** Negative log-likelihood: −Σ ln p of each token after all before it, in nats. */
  readonly nll: number;
}

/**
 * Figures of a text. Those of words and bytes are lm-evaluation-harness's `word_perplexity`, `byte_perplexity` and `bits_per_byte`
 * (`weighted_perplexity` and `bits_per_byte` in `lm_eval/api/metrics.py`).
 */
export interface PerplexityFigures extends Omit<DocumentScore, "index"> {
  /** exp(nll / tokens) */
  readonly perplexity: number;
  /** exp(nll / words) */
  readonly wordPerplexity: number;
  /** exp(nll / bytes) */
  readonly bytePerplexity: number;
  /** nll / bytes / ln 2 */
  readonly bitsPerByte: number;
}

/** Figures of all documents together, and of each. */
export interface PerplexityResult extends PerplexityFigures {
  readonly documents: readonly (PerplexityFigures & { readonly index: number })[];
}

/** Options of {@link perplexity}. */
export interface PerplexityOptions extends EvalOptions<DocumentScore>, WindowOptions {}

/**
 * Scores documents, each from a start token on.
 *
 * A document is read as a whole, however long, in chunks of bounded memory; with `context` in windows instead, as models with a
 * limited view have to, so that figures can be compared with theirs. Progress is told in bytes.
 *
 * @throws EvalInputError for no documents, or none with a token; OptionError naming an option; NoTokenizerError; and what `model.score`
 *   throws
 */
export async function perplexity(
  model: EvalModel,
  documents: readonly string[],
  options: PerplexityOptions = {},
): Promise<PerplexityResult> {
  checkWindows(options);
  const tokenizer = tokenizerOf(model);
  const start = startIdOf(tokenizer, options.startId);
  if (documents.length === 0) throw new EvalInputError("the text holds no documents: expected one at least");
  const scores = await scoreEach(
    documents,
    {
      weigh: byteLength,
      async score(text, index, onShare) {
        const ids = await idsFrom(start, text, tokenizer);
        const nll = await negativeLogLikelihood(model, ids, options, onShare);
        return { index, tokens: ids.length - 1, words: countWords(text), bytes: byteLength(text), nll };
      },
    },
    options,
  );
  const sum = (count: "tokens" | "words" | "bytes" | "nll") => scores.reduce((all, score) => all + score[count], 0);
  const totals = { tokens: sum("tokens"), words: sum("words"), bytes: sum("bytes"), nll: sum("nll") };
  if (totals.tokens === 0)
    throw new EvalInputError("the tokenizer makes no tokens of this text: expected one at least");
  return { ...withFigures(totals), documents: scores.map(withFigures) };
}

/** Follows the sums' definitions; of a document without tokens there are no figures, and these are NaN. */
function withFigures<T extends Omit<DocumentScore, "index">>(counts: T): T & PerplexityFigures {
  const { tokens, words, bytes, nll } = counts;
  return {
    ...counts,
    perplexity: Math.exp(nll / tokens),
    wordPerplexity: Math.exp(nll / words),
    bytePerplexity: Math.exp(nll / bytes),
    bitsPerByte: nll / bytes / Math.LN2,
  };
}

/** −Σ ln p of all ids but the first, in float64. */
async function negativeLogLikelihood(
  model: EvalModel,
  ids: readonly number[],
  { signal, ...options }: PerplexityOptions,
  onShare: (share: number) => void,
): Promise<number> {
  let nll = 0;
  for (const { begin, from, end } of rollingWindows(ids.length, options)) {
    const { logprobs } = await model.score(ids.slice(begin, end), {
      from: from - begin,
      signal,
      onProgress: ({ scoredTokens }) => onShare((from - 1 + scoredTokens) / (ids.length - 1)),
    });
    for (let t = from; t < end; t++) nll -= logprobs[t - begin] as number;
  }
  return nll;
}

async function idsFrom(start: number, text: string, tokenizer: EvalTokenizer): Promise<number[]> {
  return [start, ...(await tokenizer.encode(text))];
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
