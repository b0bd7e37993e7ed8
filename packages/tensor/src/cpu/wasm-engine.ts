/**
 * Runs tasks written in WebAssembly on the CPU device's memory, on all threads. Not here: what the tasks compute, which
 * belongs to the packages with the kernels.
 *
 * Pieces of work are taken from a counter, by the main thread too. So a worker that is asleep, still starting, or has lost its
 * processor to another process is never waited for, unless it is in the middle of a piece.
 */
import { availableThreads, startThread } from "#threads";
import { roundUp } from "../dtype.ts";
import type { HostTensor } from "../host-tensor.ts";
import { Sharing } from "./sharing.ts";
import type { Thread } from "./thread.ts";
import { CONTROL_BYTE_LENGTH, THREAD_SOURCE, WORD } from "./thread-source.ts";
import type { WasmMemory } from "./wasm-memory.ts";

/** WebAssembly that kernels bring along. It imports `env.memory`, shared, and exports tasks. */
export interface WasmModule {
  /** Names it in errors. */
  readonly name: string;
  /** The binary, as hexadecimal digits. */
  readonly hex: string;
}

/**
 * A function exported by a module, `(args, from, to, scratch) => void`: does the pieces `from` to `to` (exclusive) of the work
 * that the words at address `args` describe. `scratch` is the thread's own memory, of {@link SCRATCH_BYTE_LENGTH} bytes.
 */
type Task = (args: number, from: number, to: number, scratch: number) => void;

/** A task as {@link WasmEngine.task} found it. */
export type TaskId = number & { readonly __task?: never };

/** What a kernel's twin in WebAssembly runs on. Operands' addresses are their arrays' `byteOffset`. */
export interface WasmEngine {
  /** Finds an exported task, instantiating the module when it is new. */
  task(module: WasmModule, name: string): TaskId;
  /**
   * Runs a task and waits until it is done.
   *
   * @param words - its arguments, 32 bits each; at most 64
   * @param count - how many pieces of work there are
   * @param durationNs - roughly what one thread would take: short work is not worth sharing
   */
  run(task: TaskId, words: ArrayLike<number>, count: number, durationNs: number): void;
  /**
   * Room for intermediate results, f32 [rows, width], to be asked for when a call is bound. Calls share it: what is in it is
   * lost when the call has run.
   */
  workspace(rows: number, width: number): HostTensor;
}

/** The memory cannot grow for what the engine itself needs; the device does without WebAssembly then. */
export class WasmMemoryError extends Error {}

interface Workspace {
  readonly address: number;
  readonly byteLength: number;
  /** How much of it the call that is being bound has taken. */
  used: number;
}

/** Memory that each thread has for itself. */
export const SCRATCH_BYTE_LENGTH = 256 * 1024;

const ARGUMENT_WORDS = 64;

/** Work below this is done by the main thread alone: sharing it costs about half a microsecond. */
const MIN_SHARED_NS = 3000;

/** Work below this is not worth a sleeping worker's wake-up, which takes some 50 microseconds. */
const MIN_WAKING_NS = 10_000;

/** Pieces are taken in portions of about this length: small enough that no thread is long alone at the end. */
const PORTION_NS = 3000;

/** How often to look whether workers are done before sleeping: some 20 microseconds. */
const MAX_SPINS = 2000;

/** Whether sharing is worth it is measured on work of at least this length: reading the clock takes some 50 nanoseconds. */
const MIN_MEASURED_NS = 10_000;

/** Runs tasks on a {@link WasmMemory}. */
export class ThreadedWasmEngine implements WasmEngine {
  readonly threads: number;
  readonly #memory: WasmMemory;
  readonly #modules = new Map<WasmModule, { readonly first: TaskId; readonly names: readonly string[] }>();
  readonly #tasks: Task[] = [];
  readonly #messages: object[] = [];
  readonly #control: Int32Array;
  readonly #arguments: Uint32Array;
  readonly #scratch: number;
  #workers: Thread[] | undefined;
  readonly #workspaces: Workspace[] = [];
  #job = 0;
  /** By task. */
  readonly #sharing: Sharing[] = [];
  #disposed = false;

  /** @param threads - how many to use, the main one included. Default: as many as the machine has */
  constructor(memory: WasmMemory, threads: number = availableThreads()) {
    this.#memory = memory;
    this.threads = Math.max(1, Math.floor(threads));
    const control = this.#allocate(CONTROL_BYTE_LENGTH);
    this.#control = new Int32Array(memory.buffer, control, CONTROL_BYTE_LENGTH / 4);
    this.#arguments = new Uint32Array(memory.buffer, this.#allocate(ARGUMENT_WORDS * 4), ARGUMENT_WORDS);
    this.#scratch = this.#allocate(SCRATCH_BYTE_LENGTH);
  }

  task(module: WasmModule, name: string): TaskId {
    let known = this.#modules.get(module);
    if (!known) {
      const compiled = new WebAssembly.Module(bytesOf(module.hex));
      const { exports } = new WebAssembly.Instance(compiled, { env: { memory: this.#memory.memory } });
      const names = Object.keys(exports);
      known = { first: this.#tasks.length, names };
      this.#tasks.push(...names.map((each) => exports[each] as Task));
      this.#sharing.push(...names.map(() => new Sharing()));
      this.#modules.set(module, known);
      this.#send({ module: compiled, names });
    }
    const index = known.names.indexOf(name);
    if (index < 0) throw new Error(`the WebAssembly of ${module.name} has no task ${name}; run npm run wasm`);
    return known.first + index;
  }

  run(task: TaskId, words: ArrayLike<number>, count: number, durationNs: number): void {
    this.#arguments.set(words);
    const run = this.#tasks[task] as Task;
    const args = this.#arguments.byteOffset;
    if (this.threads === 1 || count <= 1 || durationNs < MIN_SHARED_NS) {
      run(args, 0, count, this.#scratch);
      return;
    }
    const sharing = this.#sharing[task] as Sharing;
    const start = durationNs < MIN_MEASURED_NS ? 0 : performance.now();
    if (sharing.isShared) this.#share(task, run, count, durationNs);
    else run(args, 0, count, this.#scratch);
    if (start > 0) sharing.note(durationNs / 1e6, performance.now() - start);
  }

  workspace(rows: number, width: number): HostTensor {
    const byteLength = rows * width * 4;
    let own = this.#workspaces.find((each) => each.byteLength - each.used >= byteLength);
    if (!own) {
      // Those that calls are bound to stay where they are.
      own = { address: this.#allocate(byteLength), byteLength, used: 0 };
      this.#workspaces.push(own);
    }
    const values = new Float32Array(this.#memory.buffer, own.address + own.used, rows * width);
    own.used += roundUp(byteLength, 64);
    return { label: "workspace", dtype: "f32", shape: [rows, width], offset: 0, rowStride: width, values };
  }

  /** From now on another call is bound, which may use the workspaces of those before. */
  beginCall(): void {
    for (const workspace of this.#workspaces) workspace.used = 0;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    const workers = this.#workers ?? [];
    this.#workers = [];
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  #share(task: TaskId, run: Task, count: number, durationNs: number): void {
    this.#workers ??= this.#startWorkers();
    const control = this.#control;
    const args = this.#arguments.byteOffset;
    const portions = Math.min(durationNs / PORTION_NS, this.threads * 16);
    const step = Math.max(1, Math.floor(count / portions));
    control[WORD.task] = task;
    control[WORD.args] = args;
    control[WORD.count] = count;
    control[WORD.step] = step;
    Atomics.store(control, WORD.next, 0);
    this.#job += 1;
    Atomics.store(control, WORD.job, this.#job | 0);
    try {
      if (durationNs >= MIN_WAKING_NS && Atomics.load(control, WORD.asleep) > 0) Atomics.notify(control, WORD.job);
      for (;;) {
        const from = Atomics.add(control, WORD.next, step);
        if (from >= count) break;
        run(args, from, Math.min(from + step, count), this.#scratch);
      }
    } finally {
      this.#job += 1;
      Atomics.store(control, WORD.job, this.#job | 0);
      this.#awaitWorkers();
    }
  }

  #awaitWorkers(): void {
    const control = this.#control;
    for (let spins = 0; Atomics.load(control, WORD.active) > 0; spins++) {
      // A browser's main thread may not sleep; it goes on looking.
      if (spins < MAX_SPINS || !CAN_SLEEP) continue;
      Atomics.store(control, WORD.mainSleeps, 1);
      const active = Atomics.load(control, WORD.active);
      if (active > 0) Atomics.wait(control, WORD.active, active, 1);
      Atomics.store(control, WORD.mainSleeps, 0);
    }
    if (control[WORD.failed] !== 0) throw new Error("a thread of the CPU device failed in WebAssembly");
  }

  #startWorkers(): Thread[] {
    const workers: Thread[] = [];
    if (this.#disposed) return workers;
    try {
      while (workers.length < this.threads - 1) {
        const scratch = this.#memory.allocate(SCRATCH_BYTE_LENGTH);
        if (scratch === undefined) break;
        const worker = startThread(THREAD_SOURCE);
        workers.push(worker);
        worker.post({ memory: this.#memory.memory, control: this.#control.byteOffset, scratch });
        for (const message of this.#messages) worker.post(message);
      }
    } catch {
      // A host that allows no threads, or not as many: the main thread does what no one else takes.
    }
    // The first message is the one with the memory.
    Atomics.store(this.#control, WORD.messages, 1 + this.#messages.length);
    return workers;
  }

  #send(message: object): void {
    this.#messages.push(message);
    if (!this.#workers) return;
    for (const worker of this.#workers) worker.post(message);
    Atomics.add(this.#control, WORD.messages, 1);
    Atomics.notify(this.#control, WORD.job);
  }

  #allocate(byteLength: number): number {
    const address = this.#memory.allocate(byteLength);
    if (address === undefined) throw new WasmMemoryError(`no WebAssembly memory for ${byteLength} bytes`);
    return address;
  }
}

/** Whether this thread may wait: all but a page's main thread. */
const CAN_SLEEP = typeof document === "undefined";

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}
