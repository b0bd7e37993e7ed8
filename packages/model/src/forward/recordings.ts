/**
 * What is recorded once and used by all sequences: its memory, when it is made, and what is said where there is no room for it.
 */
import { type Device, OutOfMemoryError, TensorPool } from "@blackmamba/tensor";
import { forgetFailures } from "../device/forget-failures.ts";

/** Recorded programs and their tensors, by name. */
export class Recordings {
  readonly #device: Device;
  readonly #pools: TensorPool[] = [];
  readonly #recorded = new Map<string, Promise<unknown>>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** A pool that goes with all that is recorded. */
  newPool(): TensorPool {
    const pool = new TensorPool(this.#device);
    this.#pools.push(pool);
    return pool;
  }

  disposePool(pool: TensorPool): void {
    const index = this.#pools.indexOf(pool);
    if (index >= 0) this.#pools.splice(index, 1);
    pool.dispose();
  }

  /** As {@link recordAnew}, where it was not done before; when that fails it may be tried again. */
  record<T>(name: string, create: (pool: TensorPool) => T, begin?: (recorded: T) => Promise<unknown>): Promise<T> {
    let recorded = this.#recorded.get(name) as Promise<T> | undefined;
    if (!recorded) {
      recorded = this.recordAnew(name, create, begin);
      this.#recorded.set(name, recorded);
      recorded.catch(() => this.#recorded.delete(name));
    }
    return recorded;
  }

  /**
   * Records programs, whose tensors are in a pool of their own; when that fails, nothing stays allocated.
   *
   * @param begin - what all users of it need: begun at once, and not waited for
   */
  async recordAnew<T>(
    name: string,
    create: (pool: TensorPool) => T,
    begin?: (recorded: T) => Promise<unknown>,
  ): Promise<T> {
    const pool = this.newPool();
    let begun: Promise<unknown> | undefined;
    try {
      const recorded = create(pool);
      begun = begin?.(recorded).catch(() => {}); // Whoever needs it hears of it.
      // A GPU says only now whether it had room: before anything is computed there.
      await this.#device.settled();
      return recorded;
    } catch (error) {
      const { byteLength } = pool;
      await begun;
      this.disposePool(pool);
      throw await this.explain(error, name, byteLength);
    }
  }

  /** Of memory that was lacking, says for what, and how much was asked for; other errors stay as they are. */
  async explain(error: unknown, name: string, asked: number): Promise<unknown> {
    if (!(error instanceof OutOfMemoryError)) return error;
    await forgetFailures(this.#device);
    const { kind, name: deviceName, allocatedByteLength: kept } = this.#device;
    const { allocatedByteLength, maxByteLength } = error;
    const facts = `no room to compute ${name}: ${asked} bytes were asked for beside the ${kept} that ${kind} ${deviceName} has given`;
    return new OutOfMemoryError(
      `${facts} (${error.message}); dispose what is not needed any more, or load with quantize to have smaller weights`,
      { cause: error, allocatedByteLength, maxByteLength },
    );
  }

  /** Waits for what is being recorded, and lets go of it: prepared programs hold on to what they were prepared for. */
  async forget(): Promise<void> {
    await Promise.allSettled(this.#recorded.values());
    this.#recorded.clear();
  }

  /** Frees all tensors. */
  dispose(): void {
    for (const pool of this.#pools) pool.dispose();
  }
}
