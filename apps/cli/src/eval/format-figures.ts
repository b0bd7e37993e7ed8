/** Figures as a table. Not for JSON, which has them whole. */
import type { LambadaResult, PerplexityResult } from "@blackmamba/eval";
import { formatTable } from "../output/table.ts";
import { formatCount } from "../output/units.ts";

/** Small numbers with four digits after the point, large ones with fewer. */
function figure(value: number): string {
  return value.toFixed(value < 1000 ? 4 : value < 100_000 ? 1 : 0);
}

function withError(value: string, error: string | undefined): string {
  return error === undefined ? value : `${value} ± ${error}`;
}

/** One row for each figure. */
export function formatPerplexity(result: PerplexityResult): string {
  const { documents, tokens, words, bytes, perplexity, wordPerplexity, bytePerplexity, bitsPerByte } = result;
  const rows = [
    ["perplexity", figure(perplexity)],
    ["word perplexity", figure(wordPerplexity)],
    ["byte perplexity", figure(bytePerplexity)],
    ["bits per byte", figure(bitsPerByte)],
    ["documents", formatCount(documents.length)],
    ["tokens", formatCount(tokens)],
    ["words", formatCount(words)],
    ["bytes", formatCount(bytes)],
  ];
  return formatTable(rows, ["left", "left"]);
}

/** The same for LAMBADA, with standard errors. */
export function formatLambada(result: LambadaResult): string {
  const { accuracy, accuracyError, perplexity, perplexityError, passages, correct } = result;
  const percent = (share: number) => (100 * share).toFixed(2);
  const rows = [
    ["accuracy", `${withError(percent(accuracy), accuracyError === undefined ? undefined : percent(accuracyError))} %`],
    ["perplexity", withError(figure(perplexity), perplexityError === undefined ? undefined : figure(perplexityError))],
    ["passages", formatCount(passages.length)],
    ["found", formatCount(correct)],
  ];
  return formatTable(rows, ["left", "left"]);
}
