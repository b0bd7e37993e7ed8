/**
 * The bench of a kernel: named cases of published shapes, each timed on a device, with the bytes and operations that the
 * case itself has counted. Which benches there are, and what is printed: `scripts/bench-kernels.mjs`.
 */
import { type Device, type PreparedProgram, Program } from "@blackmamba/tensor";
import type { MeasureOptions } from "./ceiling/measure-ceiling.ts";
import { RandomTensors } from "./random/random-tensor.ts";
import { type Summary, summarise } from "./statistics.ts";

/** One way to use a kernel. */
export interface KernelBenchCase {
  /** As in "1.5B in_proj, bf16, 1 token". */
  readonly name: string;
  /** Tokens of the run. Default 1. */
  readonly tokens?: number;
  /** Records one use on tensors of its own. Called several times, so that no cache holds what the next use reads. */
  record(program: Program, make: RandomTensors): void | Promise<void>;
  /** Bytes that have to be read or written, each once. */
  readonly byteLength: number;
  /** Floating-point operations, a multiply-add as two. */
  readonly flops: number;
}

/** A kernel's cases. */
export interface KernelBench {
  /** The kernel's name. */
  readonly kernel: string;
  readonly cases: readonly KernelBenchCase[];
}

/** What a case took. */
export interface KernelBenchResult {
  readonly kernel: string;
  readonly name: string;
  readonly durationUs: Summary;
  readonly bytesPerSecond: number;
  readonly flopsPerSecond: number;
}

/** Options of {@link runKernelBench}. */
export interface KernelBenchOptions extends MeasureOptions {
  /** Only cases of which this says so, by "kernel: name". Default all. */
  readonly filter?: ((title: string) => boolean) | undefined;
  /** Called with each result as it comes. */
  readonly onResult?: ((result: KernelBenchResult) => void) | undefined;
}

/** Uses of a case take turns over so many bytes: several times the largest GPU's cache. */
const MIN_BYTE_LENGTH = 512 << 20;

/** Small operands are not worth more turns than this: they come out of a cache in a model as well. */
const MAX_COPIES = 32;

/** Defines a bench. */
export function kernelBench(kernel: string, cases: readonly KernelBenchCase[]): KernelBench {
  return { kernel, cases };
}

/** Times the cases of a bench on a device. */
export async function runKernelBench(
  device: Device,
  { kernel, cases }: KernelBench,
  { runs = 5, filter = () => true, signal, onResult }: KernelBenchOptions = {},
): Promise<KernelBenchResult[]> {
  const results: KernelBenchResult[] = [];
  for (const each of cases.filter(({ name }) => filter(`${kernel}: ${name}`))) {
    const durationUs = summarise(await timeCase(device, each, runs, signal));
    const seconds = durationUs.median / 1e6;
    const result: KernelBenchResult = {
      kernel,
      name: each.name,
      durationUs,
      bytesPerSecond: each.byteLength / seconds,
      flopsPerSecond: each.flops / seconds,
    };
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** µs of each run: the median over the copies. */
async function timeCase(
  device: Device,
  { name, tokens = 1, record, byteLength }: KernelBenchCase,
  runs: number,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const make = new RandomTensors(device);
  try {
    const copies = device.software ? 1 : Math.min(Math.ceil(MIN_BYTE_LENGTH / byteLength), MAX_COPIES);
    const programs: PreparedProgram[] = [];
    for (let copy = 0; copy < copies; copy++) {
      const program = new Program(name);
      await record(program, make);
      await make.filled();
      programs.push(await device.prepare(program));
    }
    const durations: number[] = [];
    for (let run = -1; run < runs; run++) {
      signal?.throwIfAborted();
      const times = await device.profile(programs, { tokens });
      // A use may be several calls, where its weights are too large for one.
      const calls = times.length / copies;
      const sums = programs.map((_, copy) =>
        times.slice(copy * calls, (copy + 1) * calls).reduce((sum, { durationUs }) => sum + durationUs, 0),
      );
      if (run >= 0) durations.push(summarise(sums).median);
    }
    return durations;
  } finally {
    make.dispose();
  }
}
