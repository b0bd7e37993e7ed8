/**
 * The device for machines without a GPU: runs each kernel's plain TypeScript.
 */

import type { Device, KernelTime, PreparedProgram, RunOptions } from "../device.ts";
import { type DType, storageLayout } from "../dtype.ts";
import { type DeviceLostError, DisposedError, OutOfMemoryError, ShapeError } from "../errors.ts";
import { f32, hostTensor, u32 } from "../host-tensor.ts";
import type { Program } from "../program.ts";
import {
  requireRange,
  requireReadable,
  requireWhole,
  rowCount,
  type Storage,
  type Tensor,
  tensorOf,
} from "../tensor.ts";

/** How long a run may keep the event loop waiting: short enough for Ctrl-C and a progress bar to feel immediate. */
const MAX_BLOCKED_MS = 30;

class CpuStorage implements Storage {
  readonly byteLength: number;
  readonly maxOperandByteLength = Number.POSITIVE_INFINITY;
  #buffer: ArrayBuffer | undefined;
  readonly #onDispose: (byteLength: number) => void;

  constructor(byteLength: number, onDispose: (byteLength: number) => void) {
    this.#buffer = new ArrayBuffer(byteLength);
    this.byteLength = byteLength;
    this.#onDispose = onDispose;
  }

  get buffer(): ArrayBuffer {
    if (!this.#buffer) throw new DisposedError("tensor");
    return this.#buffer;
  }

  dispose(): void {
    if (!this.#buffer) return;
    this.#buffer = undefined;
    this.#onDispose(this.byteLength);
  }
}

interface CpuProgram extends PreparedProgram {
  readonly steps: readonly { readonly kernel: string; run(tokens: number): void }[];
}

/** Options of {@link createCpuDevice}. */
export interface CpuDeviceOptions {
  /** Run every kernel's plain reference, also where there is a faster twin: for comparing the two. Default false. */
  readonly referencesOnly?: boolean | undefined;
}

/** Runs programs on the CPU, in plain TypeScript, on one thread. */
export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly name = "CPU";
  readonly software = true;
  readonly lost = new Promise<DeviceLostError>(() => {});
  readonly #referencesOnly: boolean;
  #allocatedByteLength = 0;
  #disposed = false;

  constructor({ referencesOnly = false }: CpuDeviceOptions = {}) {
    this.#referencesOnly = referencesOnly;
  }

  get allocatedByteLength(): number {
    return this.#allocatedByteLength;
  }

  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor {
    this.#assertUsable();
    const { byteLength } = storageLayout(dtype, shape);
    try {
      const storage = new CpuStorage(byteLength, (length) => {
        this.#allocatedByteLength -= length;
      });
      this.#allocatedByteLength += byteLength;
      return tensorOf(storage, dtype, shape, label);
    } catch (cause) {
      throw new OutOfMemoryError(`${label}: no memory for ${byteLength} bytes`, { cause });
    }
  }

  async write(tensor: Tensor, bytes: ArrayBufferView, byteOffset = 0): Promise<void> {
    requireWhole(tensor, "write");
    const source = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    new Uint8Array(bufferOf(tensor)).set(source, byteOffset);
  }

  async read(tensor: Tensor, rows = rowCount(tensor)): Promise<Float32Array> {
    requireReadable(tensor, "f32");
    return f32(hostTensor(tensor, bufferOf(tensor))).slice(0, rows * (tensor.shape.at(-1) ?? 1));
  }

  async readU32(tensor: Tensor, rows = rowCount(tensor)): Promise<Uint32Array> {
    requireReadable(tensor, "u32");
    return u32(hostTensor(tensor, bufferOf(tensor))).slice(0, rows * (tensor.shape.at(-1) ?? 1));
  }

  async settled(): Promise<void> {}

  copy(from: Tensor, to: Tensor): void {
    const [source, target] = [requireRange(from, "copy"), requireRange(to, "copy to")];
    if (source.byteLength !== target.byteLength) {
      throw new ShapeError(`copy ${from.label} to ${to.label}: their sizes differ`);
    }
    const bytes = new Uint8Array(bufferOf(from), source.byteOffset, source.byteLength);
    new Uint8Array(bufferOf(to)).set(bytes, target.byteOffset);
  }

  clear(tensor: Tensor): void {
    requireWhole(tensor, "clear");
    new Uint8Array(bufferOf(tensor)).fill(0);
  }

  async prepare(program: Program): Promise<PreparedProgram> {
    this.#assertUsable();
    const view = (tensor: Tensor) => hostTensor(tensor, bufferOf(tensor));
    const steps = program.calls.map((call) => ({
      kernel: call.name,
      run: this.#referencesOnly ? call.reference(view) : call.cpu(view),
    }));
    const prepared: CpuProgram = { label: program.label, callCount: steps.length, steps };
    return prepared;
  }

  async run(programs: readonly PreparedProgram[], { tokens = 1, times = 1, signal }: RunOptions = {}): Promise<void> {
    this.#assertUsable();
    const steps = (programs as readonly CpuProgram[]).flatMap((program) => program.steps);
    let since = performance.now();
    for (let time = 0; time < times; time++) {
      for (const step of steps) {
        step.run(tokens);
        if (performance.now() - since < MAX_BLOCKED_MS) continue;
        await nextTurn();
        signal?.throwIfAborted();
        since = performance.now();
      }
    }
  }

  async profile(
    programs: readonly PreparedProgram[],
    { tokens = 1 }: Pick<RunOptions, "tokens"> = {},
  ): Promise<KernelTime[]> {
    this.#assertUsable();
    return (programs as readonly CpuProgram[]).flatMap(({ label, steps }) =>
      steps.map(({ kernel, run }) => {
        const start = performance.now();
        run(tokens);
        return { program: label, kernel, durationUs: (performance.now() - start) * 1000 };
      }),
    );
  }

  async time(
    programs: readonly PreparedProgram[],
    options: Pick<RunOptions, "tokens" | "times"> = {},
  ): Promise<number> {
    const start = performance.now();
    await this.run(programs, options);
    return (performance.now() - start) * 1000;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("CPU device");
  }
}

/** A CPU device. It needs nothing and is always there. */
export function createCpuDevice(options: CpuDeviceOptions = {}): CpuDevice {
  return new CpuDevice(options);
}

function bufferOf(tensor: Tensor): ArrayBuffer {
  return (tensor.storage as CpuStorage).buffer;
}

/** Lets timers, signals and rendering have their turn; `setTimeout` alone would wait at least 1 ms, in a browser 4. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
