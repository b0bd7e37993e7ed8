/** `blackmamba bench`: how fast this machine runs a model, beside what it could do at best. */

import type { DeviceChoice } from "@blackmamba/model";
import { formatComparison, formatReport } from "../bench/format-report.ts";
import type { StageProgress } from "../bench/measure-options.ts";
import type { PresetName } from "../bench/presets.ts";
import { readReport } from "../bench/read-report.ts";
import type { BenchReport } from "../bench/report.ts";
import { UsageError } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { BenchModelChoice, Library } from "../library.ts";
import { type FloatDType, type Quantize, quantizedType } from "../options.ts";
import { createProgressBar, type ProgressBar } from "../output/progress-bar.ts";
import { formatBytes, formatCount } from "../output/units.ts";

export interface BenchOptions {
  readonly preset?: PresetName | undefined;
  readonly model?: string | undefined;
  readonly device: DeviceChoice;
  readonly dtype?: FloatDType | undefined;
  readonly quantize: Quantize;
  readonly tokens?: number | undefined;
  readonly promptTokens?: number | undefined;
  readonly runs: number;
  readonly batch?: number | undefined;
  readonly context?: number | undefined;
  readonly comparePlain?: boolean | undefined;
  readonly seed?: number | undefined;
  /** An earlier report's file. */
  readonly compare?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function bench(options: BenchOptions, io: Io, library: Library): Promise<void> {
  const model = await modelOf(options, library);
  // Before minutes of measuring.
  const earlier = options.compare === undefined ? undefined : await readReport(options.compare);
  const { device, reason } = await abortable(library.selectDevice(options.device), io.signal);
  io.stderr.write(`device ${reason.replaceAll(/\s*\n\s*/g, " ")}\n`);
  if (options.comparePlain === true && device.kind !== "cpu") {
    throw new UsageError("--compare-plain", "the device cpu", `${device.kind}; add --device cpu`);
  }
  const { tokens, promptTokens, runs, batch, context } = options;
  const stages = createStages(io);
  const measuring = library.bench({
    ...{ device, model, quantize: quantizedType(options.quantize), tokens, promptTokens, runs, batch, context },
    comparePlain: options.comparePlain === true,
    signal: io.signal,
    onStage: stages.begin,
    onProgress: stages.update,
  });
  const report = await abortable(measuring, io.signal).finally(stages.end);
  io.stdout.write(options.json === true ? `${JSON.stringify(report)}\n` : formatReport(report));
  if (earlier) compare(report, earlier, options, io);
  await device.dispose();
}

/** Says what is under way: each stage on a line, and below it a bar while that takes long. */
function createStages({ stderr, signal }: Io) {
  let bar: ProgressBar | undefined;
  const end = () => {
    bar?.stop();
    bar = undefined;
  };
  return {
    begin(stage: string) {
      end();
      stderr.write(`${stage} …\n`);
    },
    update({ done, total, unit }: StageProgress) {
      // What was abandoned may go on for a while.
      if (signal.aborted) return;
      bar ??= createProgressBar(stderr, "", (value) =>
        unit === "bytes" ? formatBytes(value) : `${formatCount(value)} ${unit}`,
      );
      bar.update(done, total);
    },
    end,
  };
}

/** Beside JSON, which is one object, a comparison is for the person who watches. */
function compare(report: BenchReport, earlier: BenchReport, { json }: BenchOptions, io: Io): void {
  (json === true ? io.stderr : io.stdout).write(formatComparison(report, earlier));
}

async function modelOf(options: BenchOptions, library: Library): Promise<BenchModelChoice> {
  const { preset, model, dtype, seed } = options;
  if (preset !== undefined && model !== undefined) throw new UsageError("--model", "a preset or a model", "both");
  if (preset !== undefined) return { preset, dtype: dtype ?? "bf16", seed: seed ?? 0 };
  if (dtype !== undefined)
    throw new UsageError("--dtype", "a preset, whose weights are made", "a checkpoint, which has its own");
  if (seed !== undefined)
    throw new UsageError("--seed", "a preset, whose weights are made", "a checkpoint, which has its own");
  return { folder: model ?? (await library.defaultModelFolder()) };
}
