/**
 * Measures a model as its users run it: tokens that `generate` yields, prompts that `advance` consumes. What the device does
 * meanwhile comes from `model.profile`. Prints nothing.
 */
import { median, type Summary, summarise } from "@blackmamba/bench";
import type { ForwardProfile } from "@blackmamba/model";
import { type Arrival, togetherRate } from "./arrival-rate.ts";
import { type MeasureOptions, repeat } from "./measure-options.ts";
import { meterRuns } from "./meter-runs.ts";
import { decodeRun, fittingPrompt, fittingTokens, prefillRun, spreadIds } from "./model-runs.ts";
import type { BatchReport, GapReport, KernelShare, StepReport } from "./report.ts";

export interface DecodeMeasurement {
  readonly tokens: number;
  readonly tokensPerSecond: Summary;
  readonly gapsMs: GapReport | undefined;
  readonly encodeUsPerToken: number | undefined;
}

export interface PrefillMeasurement {
  readonly tokens: number;
  readonly tokensPerSecond: Summary;
}

/** Runs that profile a step; the median of each call is kept. */
const PROFILE_RUNS = 5;

/** Steps that the device times as a whole. */
export const TIMED_STEPS = 16;

/** Tokens per second of one sequence; `tokens` in each run, or as many as take about a second. */
export async function measureDecode(options: MeasureOptions, tokens?: number): Promise<DecodeMeasurement> {
  const { model, signal } = options;
  const count = tokens ?? (await fittingTokens(model, signal));
  const runs = await repeat(options, async () => {
    const meter = meterRuns(model.device);
    try {
      return { ...(await decodeRun(model, count, signal)), encodeMs: meter.encodeMs };
    } finally {
      meter.stop();
    }
  });
  const generated = sum(runs.map((run) => run.tokens));
  return {
    tokens: count,
    tokensPerSecond: summarise(runs.map(({ tokensPerSecond }) => tokensPerSecond)),
    gapsMs: gapReport(runs.flatMap(({ gapsMs }) => gapsMs)),
    encodeUsPerToken:
      model.device.kind === "cpu" ? undefined : (sum(runs.map(({ encodeMs }) => encodeMs)) * 1000) / generated,
  };
}

/** Tokens per second of a prompt; of `tokens` tokens, or as many as take a second or two. */
export async function measurePrefill(options: MeasureOptions, tokens?: number): Promise<PrefillMeasurement> {
  const { model, signal } = options;
  const count = tokens ?? (await fittingPrompt(model, signal));
  const rates = await repeat(options, () => prefillRun(model, count, signal));
  return { tokens: count, tokensPerSecond: summarise(rates) };
}

/** What a step over so many tokens, or one token of so many sequences, is made of, and how long the device takes for it. */
export async function measureStep(
  { model, signal, onProgress }: MeasureOptions,
  what: { readonly tokens: number } | { readonly sequences: number },
): Promise<StepReport> {
  const steps = "tokens" in what && what.tokens > 1 ? 1 : TIMED_STEPS;
  const profiles: ForwardProfile[] = [];
  for (let run = 0; run < PROFILE_RUNS; run++) {
    profiles.push(await model.profile({ ...what, steps, signal }));
    onProgress({ done: run + 1, total: PROFILE_RUNS, unit: "runs" });
  }
  const deviceUs = profiles.map(({ stepUs }) => stepUs).filter((us) => us !== undefined);
  return {
    dispatches: profiles[0]?.dispatches ?? 0,
    deviceUs: deviceUs.length > 0 ? summarise(deviceUs) : undefined,
    kernels: kernelShares(profiles),
  };
}

/** Tokens per second of several sequences together. */
export async function measureBatch(
  options: MeasureOptions,
  sequences: number,
  tokens: number,
  single: Summary,
): Promise<BatchReport> {
  const { model, signal, onStage } = options;
  const prompts = Array.from({ length: sequences }, (_, index) => spreadIds(1, model, index));
  const rates = await repeat(options, async () => {
    const arrivals: Arrival[] = [];
    const start = performance.now();
    for await (const { index } of model.generateBatch(prompts, { maxTokens: tokens, batchSize: sequences, signal })) {
      arrivals.push({ index, at: performance.now() });
    }
    return togetherRate(start, arrivals, sequences);
  });
  const tokensPerSecond = summarise(rates);
  onStage(`kernels of ${sequences} sequences`);
  const step = await measureStep(options, { sequences });
  return { sequences, tokens, tokensPerSecond, speedup: tokensPerSecond.median / single.median, step };
}

/** `undefined` where all tokens of a text came at once. */
function gapReport(gapsMs: readonly number[]): GapReport | undefined {
  if (gapsMs.length === 0) return undefined;
  return { median: median(gapsMs), longest: gapsMs.reduce((longest, gap) => Math.max(longest, gap)) };
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
    totalUs: sum(durations),
  }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
