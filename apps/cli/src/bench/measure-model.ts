/**
 * Measures a model as its users run it: tokens that `generate` yields, prompts that `advance` consumes. What the device does
 * meanwhile comes from `model.profile`. Prints nothing.
 */
import { type Summary, summarise } from "@blackmamba/bench";
import type { BlackMamba, ForwardProfile } from "@blackmamba/model";
import { type Arrival, arrivalRate, togetherRate } from "./arrival-rate.ts";
import { meterRuns } from "./meter-runs.ts";
import type { BatchReport, ContextReport, KernelShare, StepReport } from "./report.ts";

export interface MeasureModelOptions {
  readonly model: BlackMamba;
  /** Measurements of each thing, after those that warm up. */
  readonly runs: number;
  readonly signal: AbortSignal;
}

export interface DecodeMeasurement {
  readonly tokens: number;
  readonly tokensPerSecond: Summary;
  readonly encodeUsPerToken: number | undefined;
}

export interface PrefillMeasurement {
  readonly tokens: number;
  readonly tokensPerSecond: Summary;
}

/** A run shorter than this says more about the clock than about the model. */
const RUN_MS = 1000;

const [MIN_TOKENS, MAX_TOKENS] = [8, 1024];
const [MIN_PROMPT, MAX_PROMPT] = [32, 2048];

/** Runs that profile a step; the median of each call is kept. */
const PROFILE_RUNS = 5;

/** Steps that the device times as a whole. */
const TIMED_STEPS = 16;

/** The context that a long one is compared with. */
const SHORT_CONTEXT = 10;

/** Tokens per second of one sequence; `tokens` in each run, or as many as take about a second. */
export async function measureDecode(options: MeasureModelOptions, tokens?: number): Promise<DecodeMeasurement> {
  const { model, runs, signal } = options;
  // Compiles what has to be compiled.
  await generate(model, 2, signal);
  const probe = await generate(model, 4, signal);
  const count = tokens ?? clamp(Math.round((RUN_MS / 1000) * probe.tokensPerSecond), MIN_TOKENS, MAX_TOKENS);
  await generate(model, count, signal);
  const meter = meterRuns(model.device);
  try {
    const rates: number[] = [];
    let generated = 0;
    for (let run = 0; run < runs; run++) {
      const each = await generate(model, count, signal);
      rates.push(each.tokensPerSecond);
      generated += each.tokens;
    }
    return {
      tokens: count,
      tokensPerSecond: summarise(rates),
      encodeUsPerToken: model.device.kind === "cpu" ? undefined : (meter.encodeMs * 1000) / generated,
    };
  } finally {
    meter.stop();
  }
}

/** Tokens per second of a prompt; of `tokens` tokens, or as many as take a second or two. */
export async function measurePrefill(
  { model, runs, signal }: MeasureModelOptions,
  tokens?: number,
): Promise<PrefillMeasurement> {
  await advance(model, MIN_PROMPT, signal);
  const probeMs = await advance(model, MIN_PROMPT, signal);
  const fitting = 2 ** Math.floor(Math.log2((RUN_MS * MIN_PROMPT) / probeMs));
  // A GPU takes a long prompt in little more time than a short one.
  const count = tokens ?? (model.device.software ? clamp(fitting, MIN_PROMPT, MAX_PROMPT) : MAX_PROMPT);
  // Nothing is warmer than what has just run.
  if (count !== MIN_PROMPT) await advance(model, count, signal);
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) rates.push((count * 1000) / (await advance(model, count, signal)));
  return { tokens: count, tokensPerSecond: summarise(rates) };
}

/** What a step over so many tokens, or one token of so many sequences, is made of, and how long the device takes for it. */
export async function measureStep(
  { model, signal }: MeasureModelOptions,
  what: { readonly tokens: number } | { readonly sequences: number },
): Promise<StepReport> {
  const steps = "tokens" in what && what.tokens > 1 ? 1 : TIMED_STEPS;
  const profiles: ForwardProfile[] = [];
  for (let run = 0; run < PROFILE_RUNS; run++) {
    profiles.push(await model.profile({ ...what, steps, signal }));
  }
  const deviceUs = profiles.map(({ stepUs }) => stepUs).filter((us) => us !== undefined);
  return {
    dispatches: profiles[0]?.dispatches ?? 0,
    deviceUs: deviceUs.length > 0 ? summarise(deviceUs) : undefined,
    kernels: kernelShares(profiles),
  };
}

/** Tokens per second after a context of `tokens` tokens, and after a short one. */
export async function measureContext(
  { model, runs, signal }: MeasureModelOptions,
  tokens: number,
  decodeTokens: number,
): Promise<ContextReport> {
  const measure = async (context: number): Promise<Summary> => {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      times.push(1000 / (await generate(model, decodeTokens, signal, context)).tokensPerSecond);
    }
    return summarise(times);
  };
  const [msPerTokenShort, msPerTokenLong] = [await measure(SHORT_CONTEXT), await measure(tokens)];
  const ratio = msPerTokenLong.median / msPerTokenShort.median;
  return { tokens, shortTokens: SHORT_CONTEXT, msPerTokenShort, msPerTokenLong, ratio };
}

/** Tokens per second of several sequences together. */
export async function measureBatch(
  { model, runs, signal }: MeasureModelOptions,
  sequences: number,
  tokens: number,
  single: Summary,
): Promise<BatchReport> {
  const prompts = Array.from({ length: sequences }, (_, index) => promptOf(1, model, index));
  const together = async (): Promise<number> => {
    const arrivals: Arrival[] = [];
    const start = performance.now();
    for await (const { index } of model.generateBatch(prompts, { maxTokens: tokens, batchSize: sequences, signal })) {
      arrivals.push({ index, at: performance.now() });
    }
    return togetherRate(start, arrivals, sequences);
  };
  await together();
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) rates.push(await together());
  const tokensPerSecond = summarise(rates);
  const step = await measureStep({ model, runs, signal }, { sequences });
  return { sequences, tokens, tokensPerSecond, speedup: tokensPerSecond.median / single.median, step };
}

/** Generates so many tokens; a model that ends its text before begins another one. */
async function generate(
  model: BlackMamba,
  tokens: number,
  signal: AbortSignal,
  context = 1,
): Promise<{ readonly tokens: number; readonly tokensPerSecond: number }> {
  let [count, seconds] = [0, 0];
  while (count < tokens) {
    const arrivals: number[] = [];
    const start = performance.now();
    const ids = promptOf(context, model, count);
    for await (const _ of model.generate(ids, { maxTokens: tokens - count, signal })) arrivals.push(performance.now());
    const generated = Math.max(arrivals.length, 1);
    seconds += generated / arrivalRate(start, arrivals);
    count += generated;
  }
  return { tokens: count, tokensPerSecond: count / seconds };
}

/** ms that a prompt of so many tokens takes from an empty state to the logits after it. */
async function advance(model: BlackMamba, tokens: number, signal: AbortSignal): Promise<number> {
  const state = model.createState();
  try {
    const ids = promptOf(tokens, model, 0);
    const start = performance.now();
    await state.advance(ids, { signal });
    return performance.now() - start;
  } finally {
    await state.dispose();
  }
}

/** Ids all over the vocabulary, so that no row of the embedding and no expert is everybody's. */
function promptOf(tokens: number, model: BlackMamba, from: number): Uint32Array {
  const { vocab } = model.config;
  return Uint32Array.from({ length: tokens }, (_, index) => (Math.imul(from + index + 1, 0x9e3779b1) >>> 0) % vocab);
}

/** Calls at the same place of equal programs, taken together: a layer's first norm with all layers' first norms. */
function kernelShares(profiles: readonly ForwardProfile[]): KernelShare[] {
  const groups = new Map<string, { program: string; kernel: string; durations: number[] }>();
  const places = new Map<string, number>();
  const sequences = new Map<string, string>();
  const calls = profiles[0]?.kernels ?? [];
  // Programs are equal that call the same kernels.
  for (const { program, kernel } of calls) sequences.set(program, `${sequences.get(program) ?? ""} ${kernel}`);
  for (const [index, { program, kernel }] of calls.entries()) {
    const place = places.get(program) ?? 0;
    places.set(program, place + 1);
    const key = `${sequences.get(program)} ${place}`;
    const group = groups.get(key) ?? { program, kernel, durations: [] };
    groups.set(key, group);
    group.durations.push(summarise(profiles.map(({ kernels }) => kernels[index]?.durationUs ?? Number.NaN)).median);
  }
  return [...groups.values()].map(({ program, kernel, durations }) => ({
    program,
    kernel,
    calls: durations.length,
    medianUs: summarise(durations).median,
    totalUs: durations.reduce((sum, us) => sum + us, 0),
  }));
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
