/** What `blackmamba bench` finds out, as `--json` prints it. Units stand in the names. */
import type { Ceiling, Summary } from "@blackmamba/bench";

export interface BenchReport {
  /** Raised when a figure's meaning changes. */
  readonly format: 1;
  /** ISO 8601. */
  readonly date: string;
  readonly host: { readonly node: string; readonly platform: string };
  readonly device: { readonly kind: string; readonly name: string; readonly software: boolean };
  readonly model: ModelFacts;
  readonly ceiling: Ceiling;
  /** Of a checkpoint. */
  readonly load?: LoadReport | undefined;
  readonly decode: DecodeReport;
  readonly prefill: PrefillReport;
  readonly memory: MemoryReport;
  readonly batch?: BatchReport | undefined;
  readonly context?: ContextReport | undefined;
  readonly cpu?: CpuReport | undefined;
}

export interface ModelFacts {
  /** A preset's name, or a folder. */
  readonly name: string;
  readonly weights: "random" | "checkpoint";
  /** Types of random weights' matrices; of a checkpoint `undefined`: they are as they are in the file. */
  readonly dtype?: string | undefined;
  readonly quantize?: string | undefined;
  readonly parameters: { readonly total: number; readonly active: number };
  /** Bytes of all weights on the device, and of those that one token reads. */
  readonly byteLength: { readonly total: number; readonly active: number };
}

/** From the file to the device. */
export interface LoadReport {
  /** Bytes of the weights on the device. */
  readonly byteLength: number;
  readonly durationMs: number;
  /** The same file read and forgotten; `undefined` where the weights are not in one file. */
  readonly readAloneMs?: number | undefined;
  /** As many bytes given to the device from a piece of memory, again and again. */
  readonly uploadAloneMs: number;
  /** Of the longer of the two. */
  readonly byTheSlower: number;
  /** Most memory of the process by the end of the load, less the weights where they are in it. */
  readonly hostBytesBeyond: number;
}

/** How a step of the forward pass is made up. */
export interface StepReport {
  readonly dispatches: number;
  /** On the device's own clock, the whole step in one go; `undefined` where the adapter has none. */
  readonly deviceUs?: Summary | undefined;
  /** By program and kernel, as they come. */
  readonly kernels: readonly KernelShare[];
}

/** Calls of a kernel at the same place of equal programs. */
export interface KernelShare {
  readonly program: string;
  readonly kernel: string;
  readonly calls: number;
  /** Of one call, the median. */
  readonly medianUs: number;
  /** Of all calls. */
  readonly totalUs: number;
}

export interface DecodeReport {
  /** Tokens of each run. */
  readonly tokens: number;
  readonly tokensPerSecond: Summary;
  /** Active weights, as often as tokens were generated. */
  readonly bytesPerSecond: number;
  /** Of the copy bandwidth. */
  readonly shareOfCeiling: number;
  /** Between arrivals of tokens; `undefined` where all of a text came at once. */
  readonly gapsMs?: GapReport | undefined;
  /** Time that JavaScript spends encoding, for each token; `undefined` on the CPU, where it does the work itself. */
  readonly encodeUsPerToken?: number | undefined;
  /** Wall time by the device's own time for the same work: 1 when JavaScript is hidden. */
  readonly wallPerDeviceTime?: number | undefined;
  readonly step: StepReport;
}

/** How long a reader waits between arrivals: of single tokens, or of bursts where several are read back together. */
export interface GapReport {
  readonly median: number;
  /** Of all runs. */
  readonly longest: number;
}

export interface PrefillReport {
  readonly tokens: number;
  readonly tokensPerSecond: Summary;
  /** Two for each active parameter and token, less those of the output layer, which only the last token meets. */
  readonly flopsPerSecond: number;
  readonly shareOfCeiling: number;
  /** Of one chunk. */
  readonly step: StepReport & { readonly tokens: number };
}

/** Device memory, in bytes. */
export interface MemoryReport {
  readonly weights: number;
  /** Of one sequence. */
  readonly state: number;
  /** All that was allocated after decode and prefill, beyond weights and the states of the sequences. */
  readonly beyond: number;
}

export interface BatchReport {
  readonly sequences: number;
  /** Of each sequence. */
  readonly tokens: number;
  /** Of all sequences together. */
  readonly tokensPerSecond: Summary;
  /** By the rate of a single sequence. */
  readonly speedup: number;
  /** One token of each sequence. */
  readonly step: StepReport;
}

/** Whether a token takes longer after a long context than after a short one. */
export interface ContextReport {
  readonly tokens: number;
  readonly shortTokens: number;
  /** Tokens of each run. */
  readonly decodeTokens: number;
  /** By the clock on the wall, from an id to the logits after it; of each run the median. */
  readonly wall: ContextTimes;
  /** On the device's own clock; `undefined` where it has none but the processor's. */
  readonly device?: ContextTimes | undefined;
}

/** Both contexts take turns. */
export interface ContextTimes {
  readonly shortUsPerToken: Summary;
  readonly longUsPerToken: Summary;
  /** Of the medians, long by short: 1 when the context's length costs nothing. */
  readonly ratio: number;
}

/** The device `cpu` in plain TypeScript, and in WebAssembly on one thread and on all; their runs take turns. */
export interface CpuReport {
  readonly tokens: number;
  readonly promptTokens: number;
  /** Plain TypeScript first. */
  readonly variants: readonly CpuVariantReport[];
}

export interface CpuVariantReport {
  readonly code: "TypeScript" | "WebAssembly";
  readonly threads: number;
  readonly decodeTokensPerSecond: Summary;
  readonly prefillTokensPerSecond: Summary;
  /** By plain TypeScript. */
  readonly decodeSpeedup: number;
  readonly prefillSpeedup: number;
}
