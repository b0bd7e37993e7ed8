/** One bench from beginning to end: the device's ceiling, a model, its figures. Prints nothing: `commands/bench.ts` does. */
import { totalmem } from "node:os";
import { type Ceiling, measureCeiling } from "@blackmamba/bench";
import { BlackMamba, type Device, type QuantizedDType } from "@blackmamba/model";
import { estimateSeconds, requireMemory, type Work } from "./estimate.ts";
import { measureContext } from "./measure-context.ts";
import { measureCpu } from "./measure-cpu.ts";
import { compareLoad, type TimedLoad, timeLoad } from "./measure-load.ts";
import {
  type DecodeMeasurement,
  measureBatch,
  measureDecode,
  measurePrefill,
  measureStep,
  type PrefillMeasurement,
} from "./measure-model.ts";
import type { MeasureOptions, StageProgress } from "./measure-options.ts";
import { PRESET_PARAMETERS, PRESETS, type PresetName } from "./presets.ts";
import { randomWeights, type WeightDType } from "./random-weights.ts";
import type { BenchReport, DecodeReport, MemoryReport, PrefillReport } from "./report.ts";

/** What to measure. */
export interface BenchRequest {
  readonly device: Device;
  /** Random weights of a shape, or a checkpoint's folder. */
  readonly model:
    | { readonly preset: PresetName; readonly dtype: Exclude<WeightDType, QuantizedDType>; readonly seed: number }
    | { readonly folder: string };
  readonly quantize?: QuantizedDType | undefined;
  /** Tokens of a decode run; default as many as take about a second. */
  readonly tokens?: number | undefined;
  /** Tokens of a prompt; default 2,048, and on a processor as many as take about a second. */
  readonly promptTokens?: number | undefined;
  readonly runs: number;
  /** Sequences to decode together. */
  readonly batch?: number | undefined;
  /** Tokens of context after which to decode. */
  readonly context?: number | undefined;
  /** Also in plain TypeScript, and on one thread; on the device `cpu` only. */
  readonly comparePlain: boolean;
  readonly signal: AbortSignal;
  /** Told what is measured next. */
  onStage(stage: string): void;
  /** Told how far that has come, where it may take long. */
  onProgress(progress: StageProgress): void;
}

/** Runs beside those that count: one to warm up, and those that find out how much fits. */
const EXTRA_RUNS = 2;

/** With plain TypeScript: the model is loaded three times, and runs take so many times as long, at a guess. */
const [COMPARED_MODELS, PLAIN_SLOWDOWN] = [3, 20];

/** A run after a context is so much shorter than one of decode: it is made after two contexts, and each token timed by itself. */
const CONTEXT_RUN_SHARE = 1 / 4;

/** The least that is measured where nothing else is asked for. */
const LEAST = { tokens: 8, promptTokens: 32 };

/** Bytes of an element, scales included. */
const ELEMENT_BYTES: Readonly<Record<WeightDType, number>> = { f32: 4, f16: 2, bf16: 2, q8_0: 34 / 32, q4_0: 18 / 32 };

export async function runBench(request: BenchRequest): Promise<BenchReport> {
  const { device, signal, runs, onStage } = request;
  const allocatedBefore = device.allocatedByteLength;
  const load = () => timeLoad(() => openModel(request, device));
  const ceilingOf = () => {
    onStage("the ceiling");
    return measureCeiling(device, { runs, signal });
  };
  // A checkpoint first, before other things have taken memory.
  if (!("preset" in request.model)) return measureModel(request, await load(), ceilingOf, allocatedBefore);
  if (device.software) requireMemory(workOf(request), totalmem());
  const ceiling = await ceilingOf();
  if (device.software) announceLength(request, ceiling);
  return measureModel(request, await load(), async () => ceiling, allocatedBefore);
}

/** Everything about a model, which is gone afterwards. */
async function measureModel(
  request: BenchRequest,
  { model, ...load }: TimedLoad,
  ceilingOf: () => Promise<Ceiling>,
  allocatedBefore: number,
): Promise<BenchReport> {
  const { device, signal, runs, onStage, onProgress } = request;
  try {
    const ceiling = await ceilingOf();
    const options = { model, runs, signal, onStage, onProgress };
    onStage("decode");
    const decoded = await measureDecode(options, request.tokens);
    onStage("prefill");
    const prefilled = await measurePrefill(options, request.promptTokens);
    const memory = await measureMemory(model, allocatedBefore);
    onStage("kernels of decode");
    const decode = await decodeReport(options, decoded, ceiling);
    onStage("kernels of prefill");
    const prefill = await prefillReport(options, prefilled, ceiling);
    const contextTokens = Math.ceil(decoded.tokens * CONTEXT_RUN_SHARE);
    const context = request.context && (await measureContext(options, request.context, contextTokens));
    if (request.batch !== undefined) onStage(`${request.batch} sequences together`);
    const batch =
      request.batch && (await measureBatch(options, request.batch, decoded.tokens, decoded.tokensPerSecond));
    const { tokens, promptTokens } = request;
    const open = (other: Device) => openModel(request, other);
    const cpu = request.comparePlain && (await measureCpu({ ...options, tokens, promptTokens, open }));
    const { byteLength, parameters } = model;
    await model.dispose();
    onStage("loading, by its parts");
    const loaded =
      "folder" in request.model &&
      (await compareLoad(request.model.folder, { load, byteLength: byteLength.total, device, signal }));
    const { kind, name, software } = device;
    return {
      format: 1,
      date: new Date().toISOString(),
      host: { node: process.version, platform: `${process.platform}-${process.arch}` },
      device: { kind, name, software },
      model: {
        name: "preset" in request.model ? request.model.preset : request.model.folder,
        weights: "preset" in request.model ? "random" : "checkpoint",
        dtype: "preset" in request.model ? request.model.dtype : undefined,
        quantize: request.quantize,
        parameters,
        byteLength,
      },
      ceiling,
      ...(loaded && { load: loaded }),
      decode,
      prefill,
      memory,
      ...(batch && { batch }),
      ...(context && { context }),
      ...(cpu && { cpu }),
    };
  } finally {
    await model.dispose();
  }
}

function openModel(request: BenchRequest, device: Device): Promise<BlackMamba> {
  const { model, quantize, signal, onStage, onProgress } = request;
  onStage("preset" in model ? "making weights" : "loading weights");
  if ("folder" in model) {
    return BlackMamba.load(model.folder, {
      ...{ device, quantize, signal },
      onProgress: ({ loadedBytes, totalBytes }) => onProgress({ done: loadedBytes, total: totalBytes, unit: "bytes" }),
    });
  }
  const { preset, dtype, seed } = model;
  const total = PRESET_PARAMETERS[preset].total;
  const make = randomWeights({ dtype, quantize, seed });
  let made = 0;
  return BlackMamba.create({
    config: PRESETS[preset],
    makeWeight(weight) {
      const recipe = make(weight);
      return {
        ...recipe,
        async fill(tensor, own) {
          await recipe.fill(tensor, own);
          made += weight.shape.reduce((product, size) => product * size, 1);
          // The total is a round one.
          onProgress({ done: Math.min(made, total), total, unit: "parameters" });
        },
      };
    },
    device,
    signal,
  });
}

async function decodeReport(
  options: MeasureOptions,
  { tokens, tokensPerSecond, gapsMs, encodeUsPerToken }: DecodeMeasurement,
  ceiling: Ceiling,
): Promise<DecodeReport> {
  const step = await measureStep(options, { tokens: 1 });
  const bytesPerSecond = options.model.byteLength.active * tokensPerSecond.median;
  return {
    tokens,
    tokensPerSecond,
    bytesPerSecond,
    shareOfCeiling: bytesPerSecond / ceiling.copyBytesPerSecond.median,
    gapsMs,
    encodeUsPerToken,
    wallPerDeviceTime: step.deviceUs && 1e6 / tokensPerSecond.median / step.deviceUs.median,
    step,
  };
}

async function prefillReport(
  options: MeasureOptions,
  { tokens, tokensPerSecond }: PrefillMeasurement,
  ceiling: Ceiling,
): Promise<PrefillReport> {
  const chunk = Math.min(tokens, options.model.prefillChunk);
  const { parameters, config } = options.model;
  // Logits are computed for the last token alone.
  const perToken = parameters.active - config.vocab * config.hidden;
  const flopsPerSecond = 2 * perToken * tokensPerSecond.median;
  return {
    tokens,
    tokensPerSecond,
    flopsPerSecond,
    shareOfCeiling: flopsPerSecond / ceiling.flopsPerSecond.median,
    step: { tokens: chunk, ...(await measureStep(options, { tokens: chunk })) },
  };
}

/** While a sequence is alive, as in use; every program that decode and prefill need has been recorded. */
async function measureMemory(model: BlackMamba, allocatedBefore: number): Promise<MemoryReport> {
  const state = model.createState();
  try {
    await state.advance([0]);
    const [weights, own] = [model.byteLength.total, state.byteLength];
    return { weights, state: own, beyond: model.device.allocatedByteLength - allocatedBefore - weights - own };
  } finally {
    await state.dispose();
  }
}

function announceLength(request: BenchRequest, ceiling: Ceiling): void {
  const seconds = estimateSeconds(workOf(request), ceiling);
  if (seconds > 120) request.onStage(`this will take about ${Math.ceil(seconds / 60)} minutes; Ctrl-C ends it`);
}

function workOf(request: BenchRequest): Work {
  const { model, quantize, tokens, promptTokens, runs, batch = 0, context = 0, comparePlain } = request;
  if (!("preset" in model)) throw new TypeError("estimates are of presets");
  const { total, active } = PRESET_PARAMETERS[model.preset];
  const bytes = ELEMENT_BYTES[quantize ?? model.dtype];
  const [decoded, prompt] = [tokens ?? LEAST.tokens, promptTokens ?? LEAST.promptTokens];
  const models = comparePlain ? COMPARED_MODELS : 1;
  const times = (runs + EXTRA_RUNS) * (comparePlain ? PLAIN_SLOWDOWN : 1);
  const besides = (runs + EXTRA_RUNS) * decoded * (batch + (context ? 2 * CONTEXT_RUN_SHARE : 0));
  return {
    name: model.preset,
    activeParameters: active,
    byteLength: models * total * bytes,
    activeByteLength: active * bytes,
    decodedTokens: times * decoded + besides,
    promptTokens: times * prompt + context,
  };
}
