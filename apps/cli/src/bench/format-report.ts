/** A bench's report as text. Not for JSON. */
import type { Summary } from "@blackmamba/bench";
import { formatTable } from "../output/table.ts";
import { formatBytes, formatCount, formatDuration } from "../output/units.ts";
import { type Change, compareReports, differences, threadsOf } from "./figures.ts";
import type { BenchReport, ContextReport, ContextTimes, CpuReport, GapReport, StepReport } from "./report.ts";

export function formatReport(report: BenchReport): string {
  const { device, model, ceiling, load, decode, prefill, memory, batch, context, cpu } = report;
  const type = [model.weights, model.quantize ?? model.dtype].filter(Boolean).join(" ");
  const sections = [
    section("", [
      ["device", `${device.kind}: ${device.name}`],
      ["model", `${model.name}, ${type} weights`],
      ["parameters", `${formatCount(model.parameters.total)}, of which ${formatCount(model.parameters.active)} active`],
      [
        "weights",
        `${formatBytes(model.byteLength.total)}, of which a token reads ${formatBytes(model.byteLength.active)}`,
      ],
    ]),
    section("ceiling", [
      ["copy, read + written", rate(ceiling.copyBytesPerSecond, 1e9, "GB/s")],
      ["float32 multiply-adds", rate(ceiling.flopsPerSecond, 1e9, "GFLOP/s")],
    ]),
    load &&
      section(`loading ${formatBytes(load.byteLength)}`, [
        ["time", `${formatDuration(load.durationMs)}, ${load.byTheSlower.toFixed(2)} × the slower of its parts`],
        ...(load.readAloneMs === undefined ? [] : [["reading the file alone", formatDuration(load.readAloneMs)]]),
        ["giving it to the device alone", formatDuration(load.uploadAloneMs)],
        ["host memory beyond the weights", `at most ${formatBytes(load.hostBytesBeyond)}, all of the program included`],
      ]),
    section(`decode, ${runsOf(decode.tokensPerSecond)} of ${formatCount(decode.tokens)} tokens`, [
      ["rate", rate(decode.tokensPerSecond, 1, "tok/s")],
      ["time", `${number(1e6 / decode.tokensPerSecond.median)} µs per token`],
      ...(decode.gapsMs ? [["gaps", gaps(decode.gapsMs)]] : []),
      ["weights read", `${number(decode.bytesPerSecond / 1e9)} GB/s, ${percent(decode.shareOfCeiling)} of copy`],
      ["device time", deviceTime(decode.step, decode.wallPerDeviceTime)],
      ["dispatches", `${decode.step.dispatches} per token`],
      ...(decode.encodeUsPerToken === undefined
        ? []
        : [["JavaScript", `${number(decode.encodeUsPerToken)} µs per token to encode`]]),
    ]),
    kernelTable(decode.step, "token"),
    section(`prefill, ${runsOf(prefill.tokensPerSecond)} of ${formatCount(prefill.tokens)} tokens`, [
      ["rate", rate(prefill.tokensPerSecond, 1, "tok/s")],
      ["arithmetic", `${number(prefill.flopsPerSecond / 1e9)} GFLOP/s, ${percent(prefill.shareOfCeiling)} of float32`],
      ["device time", deviceTime(prefill.step, undefined)],
      ["dispatches", `${prefill.step.dispatches} per chunk of ${prefill.step.tokens} tokens`],
    ]),
    kernelTable(prefill.step, `chunk of ${prefill.step.tokens}`),
    section("device memory", [
      ["weights", formatBytes(memory.weights)],
      ["state", `${formatBytes(memory.state)} per sequence`],
      ["beyond", formatBytes(memory.beyond)],
    ]),
    batch &&
      section(
        `${batch.sequences} sequences together, ${runsOf(batch.tokensPerSecond)} of ${formatCount(batch.tokens)} tokens each`,
        [
          ["rate", rate(batch.tokensPerSecond, 1, "tok/s")],
          ["by a single one", `${number(batch.speedup)} ×`],
          ["device time", deviceTime(batch.step, undefined)],
          ["dispatches", `${batch.step.dispatches} per step`],
        ],
      ),
    batch && kernelTable(batch.step, "step"),
    context && contextTable(context),
    cpu && cpuTable(cpu),
  ];
  return sections.filter((text) => text !== undefined && text !== "").join("\n");
}

/** How the figures changed against an earlier report. */
export function formatComparison(now: BenchReport, before: BenchReport): string {
  const rows = compareReports(now, before).map(({ figure, before: earlier, change }) => [
    figure.name,
    number(earlier),
    number(figure.value),
    figure.unit,
    changeOf({ figure, before: earlier, change }),
  ]);
  const warnings = differences(now, before).map((difference) => `not the same: ${difference}\n`);
  const header = ["", "before", "now", "", "change"];
  return [
    `\nagainst the run of ${before.date}\n`,
    ...warnings,
    formatTable([header, ...rows], ["left", "right", "right", "left", "right"]),
  ].join("");
}

function changeOf({ figure, change }: Change): string {
  if (change === undefined) return "";
  // Less than this is what two equal runs differ by.
  if (Math.abs(change) < 0.005) return "=";
  const isBetter = change > 0 === (figure.better === "higher");
  return `${change > 0 ? "+" : "−"}${Math.abs(change * 100).toFixed(1)} % ${isBetter ? "better" : "worse"}`;
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  return `${title === "" ? "" : `${title}\n`}${formatTable(rows, ["left", "left"])}`;
}

function kernelTable({ kernels }: StepReport, per: string): string {
  if (kernels.length === 0) return "";
  const total = kernels.reduce((sum, { totalUs }) => sum + totalUs, 0);
  const rows = kernels.map(({ program, kernel, calls, medianUs, totalUs }) => [
    calls > 1 ? `${program}, …` : program,
    kernel,
    String(calls),
    number(medianUs),
    number(totalUs),
    percent(totalUs / total),
  ]);
  const header = ["program", "kernel", "calls", "µs each", `µs per ${per}`, "share"];
  const sum = [
    "all, one by one",
    "",
    String(kernels.reduce((all, { calls }) => all + calls, 0)),
    "",
    number(total),
    "",
  ];
  return formatTable([header, ...rows, sum], ["left", "left", "right", "right", "right", "right"]);
}

function contextTable({ tokens, shortTokens, decodeTokens, wall, device }: ContextReport): string {
  const row = (name: string, { shortUsPerToken, longUsPerToken, ratio }: ContextTimes): string[] => [
    name,
    rate(shortUsPerToken, 1, "µs"),
    rate(longUsPerToken, 1, "µs"),
    ratio.toFixed(3),
  ];
  const header = ["", `after ${formatCount(shortTokens)} tokens`, `after ${formatCount(tokens)} tokens`, "ratio"];
  const rows = [header, row("wall time", wall), ...(device ? [row("device time", device)] : [])];
  const runs = `${runsOf(wall.shortUsPerToken)} of ${formatCount(decodeTokens)} tokens`;
  return `time per token, ${runs} in turn\n${formatTable(rows, ["left", "left", "left", "right"])}`;
}

function cpuTable({ tokens, promptTokens, variants }: CpuReport): string {
  const rows = variants.map((variant, index) => {
    const name = index === 0 ? "plain TypeScript" : `WebAssembly, ${threadsOf(variant.threads)}`;
    const speedup = (value: number) => (index === 0 ? "" : `${number(value)} ×`);
    const [decode, prefill] = [variant.decodeTokensPerSecond, variant.prefillTokensPerSecond];
    return [
      ...[name, rate(decode, 1, "tok/s"), speedup(variant.decodeSpeedup)],
      ...[rate(prefill, 1, "tok/s"), speedup(variant.prefillSpeedup)],
    ];
  });
  const header = ["", `decode, ${formatCount(tokens)} tokens`, "", `prefill, ${formatCount(promptTokens)} tokens`, ""];
  const runs = variants[0] && runsOf(variants[0].decodeTokensPerSecond);
  return `the device cpu, ${runs} in turn\n${formatTable([header, ...rows], ["left", "left", "right", "left", "right"])}`;
}

function gaps({ median, longest }: GapReport): string {
  return `${number(median)} ms, at most ${number(longest)} ms between arrivals`;
}

function deviceTime({ deviceUs }: StepReport, wallPerDeviceTime: number | undefined): string {
  if (!deviceUs) return "unknown: this adapter has no clock";
  const wall = wallPerDeviceTime === undefined ? "" : `; wall time is ${wallPerDeviceTime.toFixed(2)} × that`;
  return `${number(deviceUs.median)} µs${wall}`;
}

/** The median, and between what the runs lay. */
function rate({ median, min, max }: Summary, unit: number, name: string): string {
  return `${number(median / unit)} ${name} (${number(min / unit)} to ${number(max / unit)})`;
}

function runsOf({ runs }: Summary): string {
  return `${runs.length} ${runs.length === 1 ? "run" : "runs"}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** Three or four digits that mean something. */
function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
