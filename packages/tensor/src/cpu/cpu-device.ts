/**
 * The device for machines without a GPU: runs each kernel's WebAssembly, on all threads, or its plain TypeScript where it has
 * none, or the host allows none.
 */

import type { Device, KernelTime, PreparedProgram, RunOptions, TensorSpec } from "../device.ts";
import { type DType, storageLayout } from "../dtype.ts";
import { type DeviceLostError, DisposedError, OutOfMemoryError, ShapeError } from "../errors.ts";
import { f32, type HostTensor, hostTensor, u32 } from "../host-tensor.ts";
import type { KernelCall } from "../kernel.ts";
import { nextTurn } from "../next-turn.ts";
import type { Program } from "../program.ts";
import {
  requireRange,
  requireReadable,
  requireRoom,
  requireWhole,
  rowCount,
  type Storage,
  type Tensor,
  tensorOf,
} from "../tensor.ts";
import { ThreadedWasmEngine, WasmMemoryError } from "./wasm-engine.ts";
import { reserveWasmMemory, WasmMemory } from "./wasm-memory.ts";

/** How long a run may keep the event loop waiting: short enough for Ctrl-C and a progress bar to feel immediate. */
const MAX_BLOCKED_MS = 30;

/**
 * Room that weights leave in the WebAssembly memory for what is computed: a model of more than 4 GB would else fill it, and then every
 * kernel, which needs all its operands there, would run as plain TypeScript. So only those do whose weights are outside. Scratch is
 * at most 64 MiB, and a state of a published model 4. Where a host reserves less than 4 GB, an eighth is left.
 */
const ROOM_FOR_SCRATCH = 256 * 1024 * 1024;
const SHARE_FOR_SCRATCH = 1 / 8;

/** A tensor's bytes: a block of the WebAssembly memory, or an ArrayBuffer of its own. */
class CpuStorage implements Storage {
  readonly byteLength: number;
  readonly maxOperandByteLength = Number.POSITIVE_INFINITY;
  readonly maxOperands = Number.POSITIVE_INFINITY;
  /** Where it starts in the WebAssembly memory; undefined for an ArrayBuffer. */
  readonly address: number | undefined;
  #memory: WasmMemory | ArrayBuffer | undefined;
  readonly #onDispose: (byteLength: number) => void;

  /** @param leave - bytes of the WebAssembly memory that others are to find */
  constructor(
    byteLength: number,
    wasm: WasmMemory | undefined,
    leave: number,
    onDispose: (byteLength: number) => void,
  ) {
    this.address = wasm?.allocate(byteLength, leave);
    this.#memory = this.address === undefined ? new ArrayBuffer(byteLength) : wasm;
    this.byteLength = byteLength;
    this.#onDispose = onDispose;
  }

  /** What the bytes are in, from `address` on. */
  get buffer(): ArrayBufferLike {
    if (!this.#memory) throw new DisposedError("tensor");
    return this.#memory instanceof WasmMemory ? this.#memory.buffer : this.#memory;
  }

  dispose(): void {
    if (!this.#memory) return;
    if (this.#memory instanceof WasmMemory) this.#memory.free(this.address as number, this.byteLength);
    this.#memory = undefined;
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
  /** Run plain TypeScript only, no WebAssembly and so one thread: for comparing the two. Default false. */
  readonly plain?: boolean | undefined;
  /** Threads for WebAssembly, the calling one included. Default: as many as the machine has, where they can share memory. */
  readonly threads?: number | undefined;
}

/** Runs programs on the CPU: in WebAssembly on several threads, or in plain TypeScript on one. */
export class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly name = "CPU";
  readonly software = true;
  readonly lost = new Promise<DeviceLostError>(() => {});
  readonly #referencesOnly: boolean;
  readonly #memory: WasmMemory | undefined;
  #engine: ThreadedWasmEngine | undefined;
  /** When the event loop last had a turn: of many short runs none would be long enough to give it one. */
  #turnAt = 0;
  #allocatedByteLength = 0;
  #disposed = false;

  constructor({ referencesOnly = false, plain = false, threads }: CpuDeviceOptions = {}) {
    this.#referencesOnly = referencesOnly;
    if (referencesOnly || plain) return;
    const memory = reserveWasmMemory();
    if (!memory) return;
    try {
      this.#engine = new ThreadedWasmEngine(memory, threads);
      this.#memory = memory;
    } catch (error) {
      if (!(error instanceof WasmMemoryError)) throw error;
    }
  }

  /** How many threads share the work; 1 for plain TypeScript. */
  get threads(): number {
    return this.#engine?.threads ?? 1;
  }

  get allocatedByteLength(): number {
    return this.#allocatedByteLength;
  }

  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor {
    return this.#createTensor({ dtype, shape, label }, 0);
  }

  #createTensor({ dtype, shape, label }: TensorSpec, leave: number): Tensor {
    this.#assertUsable();
    const { byteLength } = storageLayout(dtype, shape);
    try {
      const storage = new CpuStorage(byteLength, this.#memory, leave, (length) => {
        this.#allocatedByteLength -= length;
      });
      this.#allocatedByteLength += byteLength;
      return tensorOf(storage, dtype, shape, label);
    } catch (cause) {
      const allocatedByteLength = this.#allocatedByteLength;
      throw new OutOfMemoryError(`${label}: no memory for ${byteLength} bytes`, { cause, allocatedByteLength });
    }
  }

  createTensors(specs: readonly TensorSpec[]): Tensor[] {
    const tensors: Tensor[] = [];
    try {
      // The CPU's memory is one piece: tensors that are made one after another lie so.
      const share = (this.#memory?.maximumByteLength ?? 0) * SHARE_FOR_SCRATCH;
      for (const spec of specs) tensors.push(this.#createTensor(spec, Math.min(ROOM_FOR_SCRATCH, share)));
      return tensors;
    } catch (error) {
      for (const { storage } of tensors) storage.dispose();
      throw error;
    }
  }

  async write(tensor: Tensor, bytes: ArrayBufferView, byteOffset = 0): Promise<void> {
    requireWhole(tensor, "write");
    requireRoom(tensor, { byteOffset, byteLength: bytes.byteLength });
    const source = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    bytesOf(tensor).set(source, byteOffset);
  }

  async read(tensor: Tensor, rows = rowCount(tensor)): Promise<Float32Array> {
    requireReadable(tensor, "f32");
    return f32(view(tensor)).slice(0, rows * (tensor.shape.at(-1) ?? 1));
  }

  async readU32(tensor: Tensor, rows = rowCount(tensor)): Promise<Uint32Array> {
    requireReadable(tensor, "u32");
    return u32(view(tensor)).slice(0, rows * (tensor.shape.at(-1) ?? 1));
  }

  async settled(): Promise<void> {}

  copy(from: Tensor, to: Tensor): void {
    const [source, target] = [requireRange(from, "copy"), requireRange(to, "copy to")];
    if (source.byteLength !== target.byteLength) {
      throw new ShapeError(`copy ${from.label} to ${to.label}: their sizes differ`);
    }
    const bytes = bytesOf(from).subarray(source.byteOffset, source.byteOffset + source.byteLength);
    bytesOf(to).set(bytes, target.byteOffset);
  }

  copyAll(pairs: readonly (readonly [from: Tensor, to: Tensor])[]): void {
    for (const [from, to] of pairs) this.copy(from, to);
  }

  clear(...tensors: Tensor[]): void {
    for (const tensor of tensors) requireWhole(tensor, "clear");
    for (const tensor of tensors) bytesOf(tensor).fill(0);
  }

  async prepare(program: Program): Promise<PreparedProgram> {
    this.#assertUsable();
    const steps = program.calls.map((call) => ({
      kernel: call.name,
      run: this.#referencesOnly ? call.reference(view) : (this.#bindWasm(call) ?? call.cpu(view)),
    }));
    const prepared: CpuProgram = {
      label: program.label,
      callCount: steps.length,
      dispatchCount: steps.length,
      steps,
      dispose() {},
    };
    return prepared;
  }

  async run(programs: readonly PreparedProgram[], { tokens = 1, times = 1, signal }: RunOptions = {}): Promise<void> {
    this.#assertUsable();
    const steps = (programs as readonly CpuProgram[]).flatMap((program) => program.steps);
    for (let time = 0; time < times; time++) {
      for (const step of steps) {
        step.run(tokens);
        if (performance.now() - this.#turnAt < MAX_BLOCKED_MS) continue;
        await nextTurn();
        this.#turnAt = performance.now();
        signal?.throwIfAborted();
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
    await this.#engine?.dispose();
  }

  #bindWasm(call: KernelCall): ((tokens: number) => void) | undefined {
    const isInMemory = call.tensors.every(({ storage }) => (storage as CpuStorage).address !== undefined);
    if (!this.#engine || !isInMemory) return undefined;
    try {
      this.#engine.beginCall();
      return call.wasm(view, this.#engine);
    } catch (error) {
      if (error instanceof WasmMemoryError) return undefined;
      if (!(error instanceof WebAssembly.CompileError)) throw error;
      // No SIMD here, or a page whose security policy forbids WebAssembly: plain TypeScript from now on.
      this.#engine = undefined;
      return undefined;
    }
  }

  #assertUsable(): void {
    if (this.#disposed) throw new DisposedError("CPU device");
  }
}

/** A CPU device. It needs nothing and is always there. */
export function createCpuDevice(options: CpuDeviceOptions = {}): CpuDevice {
  return new CpuDevice(options);
}

function view(tensor: Tensor): HostTensor {
  const { buffer, address } = tensor.storage as CpuStorage;
  return hostTensor(tensor, buffer, address);
}

/** All bytes of the tensor's storage. */
function bytesOf({ storage }: Tensor): Uint8Array {
  const { buffer, address, byteLength } = storage as CpuStorage;
  return new Uint8Array(buffer, address, byteLength);
}
