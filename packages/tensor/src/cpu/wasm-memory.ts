/**
 * The memory of the CPU device: one WebAssembly memory, which grows, with a free list. So WebAssembly works on tensors where
 * they are, and nothing is copied. Not here: what does not fit, which the device puts into ordinary ArrayBuffers.
 *
 * The memory is shared even where there is one thread: growing an unshared one would detach every view of it. Any page may
 * make a shared memory; only handing it to a worker takes cross-origin isolation.
 */
import { roundUp } from "../dtype.ts";

/** Bytes of a page, fixed by WebAssembly. */
const PAGE = 65536;

/** All that 32-bit addresses reach, and what to ask for where a host will not reserve as much: only address space is taken. */
const MAXIMUM_PAGES = [65536, 16384, 4096];

/** Blocks start at cache lines: two threads that write to neighbours do not slow each other down. */
const ALIGNMENT = 64;

/** Address 0 stands for "none"; the first line is never handed out. */
const FIRST_ADDRESS = ALIGNMENT;

/** WebAssembly reads four elements where there may be one: so many bytes beyond the last block must exist. */
const OVERREAD = PAGE;

interface Block {
  readonly address: number;
  readonly byteLength: number;
}

/** Hands out blocks of a shared WebAssembly memory. */
export class WasmMemory {
  readonly memory: WebAssembly.Memory;
  /** Free blocks below `#end`, by address; no two touch. */
  #free: Block[] = [];
  /** Nothing beyond it was ever handed out, so it is all zeros. */
  #end = FIRST_ADDRESS;

  /** It never grows beyond this. */
  readonly maximumByteLength: number;

  /** @param maximumPages - that it was made with */
  constructor(memory: WebAssembly.Memory, maximumPages: number) {
    this.memory = memory;
    this.maximumByteLength = maximumPages * PAGE;
  }

  /** The memory as it is now. Views of it stay valid when it grows; those made later see more. */
  get buffer(): ArrayBufferLike {
    return this.memory.buffer;
  }

  /**
   * Takes a block of zeros.
   *
   * @param leave - bytes that others are to find room for afterwards
   * @returns its address, or undefined where the memory cannot grow so far
   */
  allocate(byteLength: number, leave = 0): number | undefined {
    const needed = roundUp(Math.max(byteLength, 1), ALIGNMENT);
    const index = this.#smallestFit(needed);
    const block = this.#free[index];
    if (!block && this.#end + needed + leave > this.maximumByteLength) return undefined;
    if (!block) return this.#extend(needed);
    const rest = { address: block.address + needed, byteLength: block.byteLength - needed };
    this.#free.splice(index, 1, ...(rest.byteLength > 0 ? [rest] : []));
    new Uint8Array(this.buffer, block.address, needed).fill(0);
    return block.address;
  }

  /** Gives a block back, as it was taken. */
  free(address: number, byteLength: number): void {
    const block = { address, byteLength: roundUp(Math.max(byteLength, 1), ALIGNMENT) };
    const found = this.#free.findIndex((other) => other.address > address);
    const index = found < 0 ? this.#free.length : found;
    const [before, after] = [this.#free[index - 1], this.#free[index]];
    const joinsBefore = before !== undefined && before.address + before.byteLength === address;
    const joinsAfter = after !== undefined && address + block.byteLength === after.address;
    const start = joinsBefore ? before.address : address;
    const end = joinsAfter ? after.address + after.byteLength : address + block.byteLength;
    const joined = { address: start, byteLength: end - start };
    this.#free.splice(joinsBefore ? index - 1 : index, Number(joinsBefore) + Number(joinsAfter), joined);
  }

  #smallestFit(byteLength: number): number {
    let best = -1;
    for (const [index, block] of this.#free.entries()) {
      if (block.byteLength < byteLength) continue;
      if (best < 0 || block.byteLength < (this.#free[best] as Block).byteLength) best = index;
    }
    return best;
  }

  #extend(byteLength: number): number | undefined {
    const address = this.#end;
    const pages = Math.ceil((address + byteLength + OVERREAD) / PAGE);
    const missing = pages - this.buffer.byteLength / PAGE;
    if (missing > 0) {
      try {
        this.memory.grow(missing);
      } catch {
        return undefined;
      }
    }
    this.#end = address + byteLength;
    return address;
  }
}

/** A memory of as much address space as the host reserves; undefined where there is no shared WebAssembly memory. */
export function reserveWasmMemory(): WasmMemory | undefined {
  for (const maximum of MAXIMUM_PAGES) {
    try {
      return new WasmMemory(new WebAssembly.Memory({ initial: 1, maximum, shared: true }), maximum);
    } catch {
      // The next one asks for less; without WebAssembly all fail.
    }
  }
  return undefined;
}
