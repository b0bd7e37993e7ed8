/**
 * The device `cpu` against itself: plain TypeScript, WebAssembly on one thread, and on all threads. Their runs take turns, so that
 * a machine that becomes slower does so for all.
 */
import { type Summary, summarise } from "@blackmamba/bench";
import { type BlackMamba, createCpuDevice, type Device } from "@blackmamba/model";
import { type MeasureOptions, repeat } from "./measure-options.ts";
import { decodeRun, fittingPrompt, fittingTokens, prefillRun } from "./model-runs.ts";
import type { CpuReport, CpuVariantReport } from "./report.ts";

/** Says how many threads it has. */
type CpuDevice = ReturnType<typeof createCpuDevice>;

interface Variant extends Pick<CpuVariantReport, "code" | "threads"> {
  readonly model: BlackMamba;
}

/** Tokens per second of one run. */
interface Rates {
  readonly prefill: number;
  readonly decode: number;
}

export interface MeasureCpuOptions extends MeasureOptions {
  /** Tokens of a decode run; default as many as take plain TypeScript about a second. */
  readonly tokens: number | undefined;
  /** Tokens of a prompt; default as many as take plain TypeScript about a second. */
  readonly promptTokens: number | undefined;
  /** Loads the same model on another device. */
  open(device: Device): Promise<BlackMamba>;
}

/** @param options - its model is on a CPU device with all threads */
export async function measureCpu(options: MeasureCpuOptions): Promise<CpuReport> {
  const { model, signal, open, onStage } = options;
  const { threads } = model.device as CpuDevice;
  const devices = [createCpuDevice({ plain: true }), ...(threads > 1 ? [createCpuDevice({ threads: 1 })] : [])];
  const models: BlackMamba[] = [];
  try {
    for (const device of devices) models.push(await open(device));
    const [plain, single] = models as [BlackMamba, BlackMamba?];
    const variants: Variant[] = [
      { code: "TypeScript", threads: 1, model: plain },
      ...(single ? [{ code: "WebAssembly" as const, threads: 1, model: single }] : []),
      { code: "WebAssembly", threads, model },
    ];
    onStage("plain TypeScript and WebAssembly in turn");
    const tokens = options.tokens ?? (await fittingTokens(plain, signal));
    const promptTokens = options.promptTokens ?? (await fittingPrompt(plain, signal));
    const rounds = await repeat(options, async () => {
      const rates: Rates[] = [];
      for (const variant of variants) {
        const prefill = await prefillRun(variant.model, promptTokens, signal);
        rates.push({ prefill, decode: (await decodeRun(variant.model, tokens, signal)).tokensPerSecond });
      }
      return rates;
    });
    return { tokens, promptTokens, variants: variantReports(variants, rounds) };
  } finally {
    for (const each of models) await each.dispose();
    for (const device of devices) await device.dispose();
  }
}

function variantReports(variants: readonly Variant[], rounds: readonly (readonly Rates[])[]): CpuVariantReport[] {
  const summaryOf = (variant: number, what: keyof Rates): Summary =>
    summarise(rounds.map((rates) => rates[variant]?.[what] ?? Number.NaN));
  return variants.map(({ code, threads }, index) => {
    const [prefill, decode] = [summaryOf(index, "prefill"), summaryOf(index, "decode")];
    return {
      ...{ code, threads, prefillTokensPerSecond: prefill, decodeTokensPerSecond: decode },
      prefillSpeedup: prefill.median / summaryOf(0, "prefill").median,
      decodeSpeedup: decode.median / summaryOf(0, "decode").median,
    };
  });
}
