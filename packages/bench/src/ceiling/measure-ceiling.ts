/**
 * What a device can do at best, measured: everything else is a share of this.
 */
import { type Device, DeviceError, type PreparedProgram, Program } from "@blackmamba/tensor";
import { RandomTensors } from "../random/random-tensor.ts";
import { type Summary, summarise } from "../statistics.ts";
import { copyWords, WORDS_PER_WORKGROUP } from "./copy-words.ts";
import { fmaChains, fmaFlops } from "./fma-chains.ts";

/** A device's limits. On the device `cpu`: of all its threads; where it has no WebAssembly, of one, in plain JavaScript. */
export interface Ceiling {
  /** Bytes read and written per second by a copy that no cache holds. */
  readonly copyBytesPerSecond: Summary;
  /** Float32 operations per second in registers, a multiply-add as two. */
  readonly flopsPerSecond: Summary;
}

/** Options of {@link measureCeiling}. */
export interface MeasureOptions {
  /** Measurements of each thing, after those that warm up. Default 5. */
  readonly runs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Far larger than any cache: the largest GPU's holds 126 MB. */
const COPY_BYTE_LENGTH = { hardware: 512 << 20, software: 64 << 20, cpu: 256 << 20 };

/** A fraction of a millisecond at 60 TFLOP/s, and some milliseconds on a processor. */
const FMA = {
  hardware: { threads: 1 << 19, rounds: 1024 },
  software: { threads: 1 << 12, rounds: 256 },
  cpu: { threads: 1 << 10, rounds: 8192 },
};

/** Runs before those that count: clocks rise, caches fill, code is compiled. */
const WARM_UP_RUNS = 3;

/** Measures a device's copy bandwidth and float32 arithmetic. */
export async function measureCeiling(device: Device, options: MeasureOptions = {}): Promise<Ceiling> {
  const kind = device.kind === "cpu" ? "cpu" : device.software ? "software" : "hardware";
  const make = new RandomTensors(device);
  try {
    const words = Math.floor(copyByteLength(device, kind) / 4 / WORDS_PER_WORKGROUP) * WORDS_PER_WORKGROUP;
    const copy = new Program("copy");
    copy.call(copyWords, { out: make.zeros([words], "u32"), x: make.zeros([words], "u32") }, {});
    const copySeconds = await measureProgram(device, await device.prepare(copy), options);
    make.dispose();

    const { threads, rounds } = FMA[kind];
    const fma = new Program("fma");
    fma.call(fmaChains, { out: make.zeros([threads]), x: make.random([threads]) }, { rounds });
    await make.filled();
    const fmaSeconds = await measureProgram(device, await device.prepare(fma), options);
    return {
      copyBytesPerSecond: summarise(copySeconds.map((seconds) => (words * 4 * 2) / seconds)),
      flopsPerSecond: summarise(fmaSeconds.map((seconds) => fmaFlops(threads, rounds) / seconds)),
    };
  } finally {
    make.dispose();
  }
}

/** Seconds of each run of a program. */
async function measureProgram(
  device: Device,
  program: PreparedProgram,
  { runs = 5, signal }: MeasureOptions,
): Promise<number[]> {
  const seconds: number[] = [];
  for (let run = -WARM_UP_RUNS; run < runs; run++) {
    signal?.throwIfAborted();
    const durationUs = await timeOf(device, program);
    if (run >= 0) seconds.push(durationUs / 1e6);
  }
  return seconds;
}

/** By the device's own clock where it has one. */
async function timeOf(device: Device, program: PreparedProgram): Promise<number> {
  try {
    const times = await device.profile([program]);
    return times.reduce((sum, { durationUs }) => sum + durationUs, 0);
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    const start = performance.now();
    await device.run([program]);
    await device.settled();
    return (performance.now() - start) * 1000;
  }
}

function copyByteLength(device: Device, kind: keyof typeof COPY_BYTE_LENGTH): number {
  const probe = device.createTensor("u32", [1], "probe");
  const { maxOperandByteLength } = probe.storage;
  probe.storage.dispose();
  return Math.min(COPY_BYTE_LENGTH[kind], maxOperandByteLength);
}
