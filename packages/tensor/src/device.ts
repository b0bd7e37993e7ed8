/**
 * What every device offers. The two implementations are `cpu/cpu-device.ts` and `webgpu/webgpu-device.ts`.
 */
import type { DType } from "./dtype.ts";
import type { DeviceLostError } from "./errors.ts";
import type { Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** A program made ready for one device; running it creates nothing. */
export interface PreparedProgram {
  readonly label: string;
  /** Kernel calls in the program. */
  readonly callCount: number;
  /** What they take when they run: fewer, where a device runs several as one. */
  readonly dispatchCount: number;
  /** Gives back what the device holds for this program alone, not its tensors; it cannot be run any more. Safe to call twice. */
  dispose(): void;
}

/** How a run differs from the next. */
export interface RunOptions {
  /** Tokens the programs' per-token operands hold, at most as many as they were made for. Default 1. */
  readonly tokens?: number | undefined;
  /** How often the list of programs is run, one time after another, in one submit. Default 1. */
  readonly times?: number | undefined;
  /** Ends a long run early on the CPU; what the programs write is then undefined. */
  readonly signal?: AbortSignal | undefined;
}

/** How long one kernel call of a program took. */
export interface KernelTime {
  /** The program's label. */
  readonly program: string;
  /** The kernel's name. */
  readonly kernel: string;
  readonly durationUs: number;
}

/** Something that makes tensors: a device, or a {@link TensorPool} over one. */
export interface TensorAllocator {
  /** A tensor of zeros. A GPU's running out of memory is known later, and thrown by a later call. */
  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor;
}

/** What a tensor is made from. */
export interface TensorSpec {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Names the tensor in errors and in GPU debuggers. */
  readonly label: string;
  /**
   * Of tensors that lie together: those of a group, which follow each other, are used together, such as the weights of a layer. So
   * they had better not be torn apart where not all have room in one buffer.
   */
  readonly group?: string | undefined;
}

/** Something that holds tensors and runs programs. */
export interface Device extends TensorAllocator {
  readonly kind: "webgpu" | "cpu";
  /** The adapter's or processor's own name. */
  readonly name: string;
  /** True for a CPU, and for a GPU that is emulated on one. */
  readonly software: boolean;
  /** Bytes that are allocated for tensors now. */
  readonly allocatedByteLength: number;
  /** Resolves when the device is gone, with the reason; never rejects. */
  readonly lost: Promise<DeviceLostError>;

  /**
   * Tensors of zeros that lie together in the order given, for what kernels only read, such as weights: each buffer that a
   * kernel uses costs a GPU's host time, so the fewer the better. Each is disposed on its own; the memory goes back when all
   * that share it are.
   *
   * A kernel may read or write any of them, but on a GPU it may not read one while it writes another.
   *
   * @throws OutOfMemoryError where one is larger than the device's limit; then none is made. That a GPU has no room is known
   *   later, and thrown by a later call
   */
  createTensors(specs: readonly TensorSpec[]): Tensor[];

  /**
   * Writes bytes in the layout of `storageLayout`.
   *
   * @param tensor - no view
   * @param byteOffset - a multiple of 4; default 0
   * @returns when the device can take more; `bytes` may be reused then
   * @throws ShapeError for a view, and for more bytes than the tensor has
   */
  write(tensor: Tensor, bytes: ArrayBufferView, byteOffset?: number): Promise<void>;

  /**
   * The elements of an f32 tensor or a view of its rows, after everything that was run before.
   *
   * @param rowCount - read only so many rows; default all
   */
  read(tensor: Tensor, rowCount?: number): Promise<Float32Array>;

  /** As `read`, for u32. */
  readU32(tensor: Tensor, rowCount?: number): Promise<Uint32Array>;

  /** Copies one tensor, or view of rows, over another of the same size, in order with runs. */
  copy(from: Tensor, to: Tensor): void;

  /** As `copy`, several at once: no source may be another's target. */
  copyAll(pairs: readonly (readonly [from: Tensor, to: Tensor])[]): void;

  /** Sets all bytes of tensors to zero, in order with runs. Takes no views. */
  clear(...tensors: Tensor[]): void;

  /** Resolves when all that was asked for before is done, and throws what went wrong with it. */
  settled(): Promise<void>;

  /** Compiles a program. Throws a KernelError that names the kernel at fault. */
  prepare(program: Program): Promise<PreparedProgram>;

  /**
   * Runs programs one after another. On a GPU the promise resolves when the work is queued and all but the last few runs are
   * done; on the CPU when it is done.
   *
   * Callers must not overlap runs of programs that share tensors.
   */
  run(programs: readonly PreparedProgram[], options?: RunOptions): Promise<void>;

  /**
   * Runs programs once and times each kernel call, or what runs as one, by itself: on a GPU from the start of its first thread to
   * the end of its last, without what lies between two calls.
   *
   * @throws DeviceError where the adapter cannot take the time of what it does
   */
  profile(programs: readonly PreparedProgram[], options?: Pick<RunOptions, "tokens">): Promise<KernelTime[]>;

  /**
   * Runs programs as `run` does, and times the whole by the device's own clock: on a GPU from the start of the first call to
   * the end of the last, with what lies between two calls, without what the host does.
   *
   * @returns µs
   * @throws DeviceError where the adapter cannot take the time of what it does
   */
  time(programs: readonly PreparedProgram[], options?: Pick<RunOptions, "tokens" | "times">): Promise<number>;

  /** Gives back everything the device holds. */
  dispose(): Promise<void>;
}
