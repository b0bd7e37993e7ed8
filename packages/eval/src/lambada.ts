/**
 * LAMBADA (arXiv 1606.06031): whether a model finds the last word of a passage, which people find only from all of it. As the task
 * `lambada_openai` of lm-evaluation-harness has it (`lm_eval/tasks/lambada/lambada_openai.yaml`).
 */
import { encodePair } from "./encode-pair.ts";
import { EvalInputError } from "./errors.ts";
import { type EvalModel, startIdOf, tokenizerOf } from "./eval-model.ts";
import { meanOf } from "./mean.ts";
import { type EvalOptions, scoreEach } from "./score-each.ts";

/** What was found of one passage. */
export interface LambadaScore {
  /** Of the passage among all, from 0 on. */
  readonly index: number;
  /** Tokens of its last word. */
  readonly tokens: number;
  /** ln p of the last word: Σ ln p of its tokens, in nats. */
  readonly logprob: number;
  /** Whether each of its tokens is the likeliest, so that a model that always takes that says the word. */
  readonly correct: boolean;
}

/** What was found of all passages. */
export interface LambadaResult {
  readonly passages: readonly LambadaScore[];
  /** Passages whose last word was found. */
  readonly correct: number;
  /** Share of these, from 0 to 1: `acc`. */
  readonly accuracy: number;
  /** Standard error of that, as `acc_stderr`; undefined for a single passage. */
  readonly accuracyError: number | undefined;
  /** exp(−mean of the last words' ln p): of a word, not of a token. */
  readonly perplexity: number;
  /** Standard error of that, to first order; undefined for a single passage. The harness draws samples for it. */
  readonly perplexityError: number | undefined;
}

/** Options of {@link lambada}. */
export interface LambadaOptions extends EvalOptions<LambadaScore> {}

/**
 * Reads passages from a file of JSON lines, each an object with a `text`.
 *
 * @throws EvalInputError naming the line
 */
export function parseLambada(lines: string): string[] {
  return lines
    .split("\n")
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== "")
    .map(({ line, number }) => textOf(line, number));
}

/**
 * Asks a model for the last word of each passage. Progress is told in passages.
 *
 * @param passages - texts; the last word is what follows the last space
 * @throws EvalInputError for no passages, or one whose last word has no tokens; NoTokenizerError; and what `model.score` throws
 */
export async function lambada(
  model: EvalModel,
  passages: readonly string[],
  options: LambadaOptions = {},
): Promise<LambadaResult> {
  const tokenizer = tokenizerOf(model);
  const start = startIdOf(tokenizer, options.startId);
  if (passages.length === 0) throw new EvalInputError("there are no passages: expected one at least");
  const { signal } = options;
  const scores = await scoreEach(
    passages,
    {
      weigh: () => 1,
      async score(text, index) {
        const { context, lastWord } = cutLastWord(text);
        const pair = await encodePair(tokenizer, context, lastWord, start);
        const tokens = pair.continuation.length;
        if (tokens === 0) {
          throw new EvalInputError(
            `passage ${index + 1}: expected a last word of one token at least, found none in ${JSON.stringify(text.slice(-40))}`,
          );
        }
        const from = pair.context.length;
        const { logprobs, greedy } = await model.score([...pair.context, ...pair.continuation], { from, signal });
        const logprob = logprobs.subarray(from).reduce((sum, each) => sum + each, 0);
        return { index, tokens, logprob, correct: greedy.subarray(from).every((is) => is === 1) };
      },
    },
    options,
  );
  const accuracy = meanOf(scores.map(({ correct }) => (correct ? 1 : 0)));
  const logprob = meanOf(scores.map((score) => score.logprob));
  const perplexity = Math.exp(-logprob.mean);
  return {
    passages: scores,
    correct: scores.filter(({ correct }) => correct).length,
    accuracy: accuracy.mean,
    accuracyError: accuracy.error,
    perplexity,
    // d exp(x) = exp(x) dx
    perplexityError: logprob.error === undefined ? undefined : perplexity * logprob.error,
  };
}

/** The last word with the space before it. Other white space does not end a word: `text.split(' ')`. */
function cutLastWord(text: string): { context: string; lastWord: string } {
  const space = text.lastIndexOf(" ");
  return { context: text.slice(0, Math.max(0, space)), lastWord: ` ${text.slice(space + 1)}` };
}

function textOf(line: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new EvalInputError(`line ${number}: expected JSON, found ${JSON.stringify(line.slice(0, 40))}`, { cause });
  }
  const text: unknown = (value as { text?: unknown } | null)?.text;
  if (typeof text === "string" && text !== "") return text;
  throw new EvalInputError(
    `line ${number}: expected an object with a "text" that is not empty, found ${line.slice(0, 40)}`,
  );
}
