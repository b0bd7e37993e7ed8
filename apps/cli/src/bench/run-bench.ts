/** One bench from beginning to end: the device's ceiling, a model, its figures. Prints nothing: `commands/bench.ts` does. */
import { totalmem } from "node:os";
import { type Ceiling, measureCeiling } from "@blackmamba/bench";
import { BlackMamba, createCpuDevice, type Device, PREFILL_CHUNK, type QuantizedDType } from "@blackmamba/model";
import { estimateSeconds, requireMemory } from "./estimate.ts";
import {
  type DecodeMeasurement,
  type MeasureModelOptions,
  measureBatch,
  measureContext,
  measureDecode,
  measurePrefill,
  measureStep,
  type PrefillMeasurement,
} from "./measure-model.ts";
import { PRESET_PARAMETERS, PRESETS, type PresetName } from "./presets.ts";
import { randomWeights, type WeightDType } from "./random-weights.ts";
import type { BenchReport, DecodeReport, MemoryReport, PlainReport, PrefillReport } from "./report.ts";

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
  /** Also on the device `cpu` in plain TypeScript. */
  readonly comparePlain: boolean;
  readonly signal: AbortSignal;
  /** Told what is measured next. */
  onStage(stage: string): void;
}

/** Runs on both ends of what is counted: those that compile and find out how much fits, and one to warm up. */
const EXTRA_RUNS = 2;

/** The least that is measured where nothing else is asked for. */
const LEAST = { tokens: 8, promptTokens: 32 };

/** Bytes of an element, scales included. */
const ELEMENT_BYTES: Readonly<Record<WeightDType, number>> = { f32: 4, f16: 2, bf16: 2, q8_0: 34 / 32, q4_0: 18 / 32 };

export async function runBench(request: BenchRequest): Promise<BenchReport> {
  const { device, signal, runs, onStage } = request;
  const isPreset = "preset" in request.model;
  if (device.software && isPreset) requireMemory(workOf(request), totalmem());
  onStage("the ceiling");
  const ceiling = await measureCeiling(device, { runs, signal });
  if (device.software && isPreset) announceLength(request, ceiling);

  onStage(isPreset ? "making weights" : "loading weights");
  const allocatedBefore = device.allocatedByteLength;
  const model = await openModel(request, device);
  try {
    const options = { model, runs, signal };
    onStage("decode");
    const decoded = await measureDecode(options, request.tokens);
    onStage("prefill");
    const prefilled = await measurePrefill(options, request.promptTokens);
    const memory = await measureMemory(model, allocatedBefore);
    onStage("kernels");
    const decode = await decodeReport(options, decoded, ceiling);
    const prefill = await prefillReport(options, prefilled, ceiling);
    if (request.context !== undefined) onStage(`${request.context} tokens of context`);
    const context = request.context && (await measureContext(options, request.context, decoded.tokens));
    if (request.batch !== undefined) onStage(`${request.batch} sequences together`);
    const batch =
      request.batch && (await measureBatch(options, request.batch, decoded.tokens, decoded.tokensPerSecond));
    if (request.comparePlain) onStage("plain TypeScript");
    const plain = request.comparePlain ? await measurePlain(request, decoded, prefilled) : undefined;
    const { kind, name, software } = device;
    return {
      format: 1,
      date: new Date().toISOString(),
      host: { node: process.version, platform: `${process.platform}-${process.arch}` },
      device: { kind, name, software },
      model: {
        name: "preset" in request.model ? request.model.preset : request.model.folder,
        weights: isPreset ? "random" : "checkpoint",
        dtype: "preset" in request.model ? request.model.dtype : undefined,
        quantize: request.quantize,
        parameters: model.parameters,
        byteLength: model.byteLength,
      },
      ceiling,
      decode,
      prefill,
      memory,
      ...(batch && { batch }),
      ...(context && { context }),
      ...(plain && { plain }),
    };
  } finally {
    await model.dispose();
  }
}

function openModel({ model, quantize, signal }: BenchRequest, device: Device): Promise<BlackMamba> {
  if ("folder" in model) return BlackMamba.load(model.folder, { device, quantize, signal });
  const { preset, dtype, seed } = model;
  return BlackMamba.create({
    config: PRESETS[preset],
    makeWeight: randomWeights({ dtype, quantize, seed }),
    device,
    signal,
  });
}

async function decodeReport(
  options: MeasureModelOptions,
  { tokens, tokensPerSecond, encodeUsPerToken }: DecodeMeasurement,
  ceiling: Ceiling,
): Promise<DecodeReport> {
  const step = await measureStep(options, { tokens: 1 });
  const bytesPerSecond = options.model.byteLength.active * tokensPerSecond.median;
  return {
    tokens,
    tokensPerSecond,
    bytesPerSecond,
    shareOfCeiling: bytesPerSecond / ceiling.copyBytesPerSecond.median,
    encodeUsPerToken,
    wallPerDeviceTime: step.deviceUs && 1e6 / tokensPerSecond.median / step.deviceUs.median,
    step,
  };
}

async function prefillReport(
  options: MeasureModelOptions,
  { tokens, tokensPerSecond }: PrefillMeasurement,
  ceiling: Ceiling,
): Promise<PrefillReport> {
  const chunk = Math.min(tokens, PREFILL_CHUNK);
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

async function measurePlain(
  request: BenchRequest,
  decoded: DecodeMeasurement,
  prefilled: PrefillMeasurement,
): Promise<PlainReport> {
  const device = createCpuDevice({ plain: true });
  const model = await openModel(request, device);
  try {
    const options = { model, runs: request.runs, signal: request.signal };
    const decode = (await measureDecode(options, decoded.tokens)).tokensPerSecond;
    const prefill = (await measurePrefill(options, prefilled.tokens)).tokensPerSecond;
    return {
      decodeTokensPerSecond: decode,
      prefillTokensPerSecond: prefill,
      decodeSpeedup: decoded.tokensPerSecond.median / decode.median,
      prefillSpeedup: prefilled.tokensPerSecond.median / prefill.median,
    };
  } finally {
    await model.dispose();
    await device.dispose();
  }
}

function announceLength(request: BenchRequest, ceiling: Ceiling): void {
  const seconds = estimateSeconds(workOf(request), ceiling);
  if (seconds > 120) request.onStage(`this will take about ${Math.ceil(seconds / 60)} minutes; Ctrl-C ends it`);
}

function workOf({ model, quantize, tokens, promptTokens, runs, batch = 0, context = 0 }: BenchRequest) {
  if (!("preset" in model)) throw new TypeError("estimates are of presets");
  const { total, active } = PRESET_PARAMETERS[model.preset];
  const bytes = ELEMENT_BYTES[quantize ?? model.dtype];
  const [decoded, prompt] = [tokens ?? LEAST.tokens, promptTokens ?? LEAST.promptTokens];
  return {
    name: model.preset,
    activeParameters: active,
    byteLength: total * bytes,
    activeByteLength: active * bytes,
    decodedTokens: (runs + EXTRA_RUNS) * decoded * (1 + batch + (context ? 2 : 0)),
    promptTokens: (runs + EXTRA_RUNS) * prompt + runs * context,
  };
}
