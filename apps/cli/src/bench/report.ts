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
  readonly decode: DecodeReport;
  readonly prefill: PrefillReport;
  readonly memory: MemoryReport;
  readonly batch?: BatchReport | undefined;
  readonly context?: ContextReport | undefined;
  readonly plain?: PlainReport | undefined;
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
  /** Time that JavaScript spends encoding, for each token; `undefined` on the CPU, where it does the work itself. */
  readonly encodeUsPerToken?: number | undefined;
  /** Wall time by the device's own time for the same work: 1 when JavaScript is hidden. */
  readonly wallPerDeviceTime?: number | undefined;
  readonly step: StepReport;
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

export interface ContextReport {
  readonly tokens: number;
  readonly shortTokens: number;
  readonly msPerTokenShort: Summary;
  readonly msPerTokenLong: Summary;
  /** After the long context, by that after the short one: 1 when the context's length costs nothing. */
  readonly ratio: number;
}

/** Against the device `cpu` in plain TypeScript. */
export interface PlainReport {
  readonly decodeTokensPerSecond: Summary;
  readonly prefillTokensPerSecond: Summary;
  readonly decodeSpeedup: number;
  readonly prefillSpeedup: number;
}
