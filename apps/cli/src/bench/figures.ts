/** A report's figures as a flat list, so that two reports can be held side by side. */
import type { BenchReport } from "./report.ts";

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** Which way is better. */
  readonly better: "higher" | "lower";
}

/** What is worth comparing; what was not measured is left out. */
export function figuresOf(report: BenchReport): Figure[] {
  const { ceiling, load, decode, prefill, memory, batch, context, cpu } = report;
  const [, ...compiled] = cpu?.variants ?? [];
  return [
    higher("ceiling: copy", "GB/s", ceiling.copyBytesPerSecond.median / 1e9),
    higher("ceiling: float32", "GFLOP/s", ceiling.flopsPerSecond.median / 1e9),
    lower("load", "ms", load?.durationMs),
    lower("load: by the slower of its parts", "×", load?.byTheSlower),
    lower("load: host memory beyond the weights", "MB", load && load.hostBytesBeyond / 1e6),
    higher("decode", "tok/s", decode.tokensPerSecond.median),
    higher("decode: weights read", "GB/s", decode.bytesPerSecond / 1e9),
    higher("decode: share of copy", "%", decode.shareOfCeiling * 100),
    lower("decode: gap, median", "ms", decode.gapsMs?.median),
    lower("decode: gap, longest", "ms", decode.gapsMs?.longest),
    lower("decode: dispatches", "per token", decode.step.dispatches),
    lower("decode: device time", "µs per token", decode.step.deviceUs?.median),
    lower("decode: wall by device time", "×", decode.wallPerDeviceTime),
    lower("decode: encoding", "µs per token", decode.encodeUsPerToken),
    higher("prefill", "tok/s", prefill.tokensPerSecond.median),
    higher("prefill: share of float32", "%", prefill.shareOfCeiling * 100),
    lower("memory beyond weights and state", "MB", memory.beyond / 1e6),
    higher("together", "tok/s", batch?.tokensPerSecond.median),
    lower("together: device time", "µs per step", batch?.step.deviceUs?.median),
    higher("together: by a single one", "×", batch?.speedup),
    // An earlier version's report had one ratio, measured in another way.
    lower("long context by short: wall time", "×", context?.wall?.ratio),
    lower("long context by short: device time", "×", context?.device?.ratio),
    ...compiled.flatMap(({ threads, decodeSpeedup, prefillSpeedup }) => [
      higher(`decode by plain TypeScript: ${threadsOf(threads)}`, "×", decodeSpeedup),
      higher(`prefill by plain TypeScript: ${threadsOf(threads)}`, "×", prefillSpeedup),
    ]),
  ].filter((figure) => figure !== undefined);
}

/** A figure before and now. */
export interface Change {
  readonly figure: Figure;
  readonly before: number;
  /** (now − before) / before; `undefined` where that divides by zero. */
  readonly change: number | undefined;
}

/** The figures that both reports have. */
export function compareReports(now: BenchReport, before: BenchReport): Change[] {
  const earlier = new Map(figuresOf(before).map(({ name, value }) => [name, value]));
  return figuresOf(now).flatMap((figure) => {
    const value = earlier.get(figure.name);
    if (value === undefined) return [];
    return [{ figure, before: value, change: value === 0 ? undefined : (figure.value - value) / value }];
  });
}

/** Why two reports do not measure the same thing, in words; empty when they do. */
export function differences(now: BenchReport, before: BenchReport): string[] {
  const facts = ({ device, model, decode, prefill, batch, context }: BenchReport) => ({
    device: device.name,
    model: model.name,
    weights: [model.weights, model.quantize ?? model.dtype].filter(Boolean).join(" "),
    "decode tokens": decode.tokens,
    "prompt tokens": prefill.tokens,
    ...(batch && { sequences: batch.sequences }),
    ...(context && { context: context.tokens }),
  });
  const [own, other] = [facts(now), facts(before)] as [Record<string, unknown>, Record<string, unknown>];
  return Object.entries(own)
    .filter(([name, value]) => name in other && other[name] !== value)
    .map(([name, value]) => `${name}: ${String(other[name])} before, ${String(value)} now`);
}

/** `1` → `1 thread`. */
export function threadsOf(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}

function higher(name: string, unit: string, value: number | undefined): Figure | undefined {
  return value === undefined ? undefined : { name, unit, value, better: "higher" };
}

function lower(name: string, unit: string, value: number | undefined): Figure | undefined {
  return value === undefined ? undefined : { name, unit, value, better: "lower" };
}
