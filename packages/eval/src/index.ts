/**
 * How good a language model is: perplexity of texts and LAMBADA, with the figures of the usual Python harness.
 *
 * @packageDocumentation
 */
export { DOCUMENT_SEPARATOR, splitDocuments } from "./documents.ts";
export { EvalInputError } from "./errors.ts";
export type { EvalModel, EvalTokenizer } from "./eval-model.ts";
export { type LambadaOptions, type LambadaResult, type LambadaScore, lambada, parseLambada } from "./lambada.ts";
export {
  type DocumentScore,
  type PerplexityFigures,
  type PerplexityOptions,
  type PerplexityResult,
  perplexity,
} from "./perplexity.ts";
export type { EvalOptions, EvalProgress } from "./score-each.ts";
export { checkWindows, type WindowOptions } from "./windows.ts";
