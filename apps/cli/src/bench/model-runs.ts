/** Single runs of a model as its users run it: tokens that `generate` yields, prompts that `advance` consumes. */
import type { BlackMamba } from "@blackmamba/model";
import { arrivalGaps, arrivalRate } from "./arrival-rate.ts";

/** One run of decoding. */
export interface DecodeRun {
  readonly tokens: number;
  readonly tokensPerSecond: number;
  /** How long a reader waited each time, ms; see `arrivalGaps`. */
  readonly gapsMs: readonly number[];
}

/** A run shorter than this says more about the clock than about the model. */
const RUN_MS = 1000;

const [MIN_TOKENS, MAX_TOKENS] = [8, 1024];
const [MIN_PROMPT, MAX_PROMPT] = [32, 2048];

/** Generates so many tokens, each text from a single one; a model that ends its text before begins another one. */
export async function decodeRun(model: BlackMamba, tokens: number, signal: AbortSignal): Promise<DecodeRun> {
  let [count, seconds] = [0, 0];
  const gapsMs: number[] = [];
  while (count < tokens) {
    const arrivals: number[] = [];
    const start = performance.now();
    const ids = spreadIds(1, model, count);
    for await (const _ of model.generate(ids, { maxTokens: tokens - count, signal })) arrivals.push(performance.now());
    const generated = Math.max(arrivals.length, 1);
    seconds += generated / arrivalRate(start, arrivals);
    gapsMs.push(...arrivalGaps(start, arrivals));
    count += generated;
  }
  return { tokens: count, tokensPerSecond: count / seconds, gapsMs };
}

/** Tokens per second of a prompt of so many, from an empty state to the logits after it. */
export async function prefillRun(model: BlackMamba, tokens: number, signal: AbortSignal): Promise<number> {
  const state = model.createState();
  try {
    const ids = spreadIds(tokens, model);
    const start = performance.now();
    await state.advance(ids, { signal });
    return (tokens * 1000) / (performance.now() - start);
  } finally {
    await state.dispose();
  }
}

/** Tokens that take about a second to decode, once all is compiled that has to be. */
export async function fittingTokens(model: BlackMamba, signal: AbortSignal): Promise<number> {
  await decodeRun(model, MIN_TOKENS, signal);
  const { tokensPerSecond } = await decodeRun(model, MIN_TOKENS, signal);
  return clamp(Math.round((RUN_MS / 1000) * tokensPerSecond), MIN_TOKENS, MAX_TOKENS);
}

/** Tokens of a prompt that takes a second or two, at most 2,048, once all is compiled that has to be. */
export async function fittingPrompt(model: BlackMamba, signal: AbortSignal): Promise<number> {
  await prefillRun(model, MIN_PROMPT, signal);
  const tokensPerSecond = await prefillRun(model, MIN_PROMPT, signal);
  // A GPU takes a long prompt in little more time than a short one.
  if (!model.device.software) return MAX_PROMPT;
  return clamp(2 ** Math.floor(Math.log2((RUN_MS / 1000) * tokensPerSecond)), MIN_PROMPT, MAX_PROMPT);
}

/** Ids all over the vocabulary, so that no row of the embedding and no expert is everybody's. */
export function spreadIds(tokens: number, model: BlackMamba, from = 0): Uint32Array {
  const { vocab } = model.config;
  return Uint32Array.from({ length: tokens }, (_, index) => (Math.imul(from + index + 1, 0x9e3779b1) >>> 0) % vocab);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
