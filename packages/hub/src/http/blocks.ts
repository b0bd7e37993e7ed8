/**
 * A file of which all will be read, mostly in order, fetched in blocks: many small neighbours then take one request, and what comes
 * next is on its way before it is asked for. Every byte is fetched once, unless reads jump about more than blocks are kept. Not here: files of a hub, which are kept, see `download/`.
 */
import type { ReadRangeOptions } from "@blackmamba/checkpoint";

/** At 100 MB/s some 40 ms, several times what a request takes. */
const BLOCK_BYTE_LENGTH = 4 << 20;

/** Blocks that are fetched before anybody asks for them. */
const BLOCKS_AHEAD = 3;

/**
 * Most blocks that are kept until all of each was read; those that lie longest go first. Where several large tensors are read at once,
 * each has a chunk of 8 MiB and two ends that it shares with its neighbours.
 */
const MOST_BLOCKS = 16;

/**
 * Chromium keeps what a range gave for the next time, unless another range of the same file is on its way; and only of files up to an
 * eighth or a tenth of its cache, of mostly 320 MB. Of larger ones several are fetched at once: servers of such limit each connection.
 */
const MOST_KEPT_BYTE_LENGTH = 32 << 20;
const BLOCKS_AT_ONCE = 4;

/** Fetches the bytes from `start` to `end`. */
export type FetchBytes = (start: number, end: number, signal: AbortSignal) => Promise<Uint8Array>;

interface Block {
  readonly bytes: Promise<Uint8Array>;
  /** Bytes that nobody has read yet. */
  unread: number;
}

/** The blocks of a file. */
export class Blocks {
  readonly #byteLength: number;
  readonly #fetch: FetchBytes;
  readonly #abort = new AbortController();
  /** By index, those that lie longest first. */
  readonly #blocks = new Map<number, Block>();
  /** How many more may be fetched at the same time, and those that wait for that. */
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(byteLength: number, fetch: FetchBytes) {
    this.#byteLength = byteLength;
    this.#fetch = fetch;
    this.#free = byteLength > MOST_KEPT_BYTE_LENGTH ? BLOCKS_AT_ONCE : 1;
  }

  /** Reads a range that lies within the file. */
  async read(byteOffset: number, byteLength: number, { signal, into }: ReadRangeOptions = {}): Promise<Uint8Array> {
    signal?.throwIfAborted();
    this.#abort.signal.throwIfAborted();
    const fits = into !== undefined && into.byteLength >= byteLength;
    const bytes = fits ? into.subarray(0, byteLength) : new Uint8Array(byteLength);
    if (byteLength === 0) return bytes;
    const end = byteOffset + byteLength;
    const last = Math.floor((end - 1) / BLOCK_BYTE_LENGTH);
    const parts: { readonly index: number; readonly block: Block }[] = [];
    for (let index = Math.floor(byteOffset / BLOCK_BYTE_LENGTH); index <= last; index++) {
      parts.push({ index, block: this.#block(index) });
    }
    for (let index = last + 1; index <= last + BLOCKS_AHEAD; index++) {
      if (index * BLOCK_BYTE_LENGTH < this.#byteLength) this.#block(index);
    }
    for (const { index, block } of parts) {
      const start = index * BLOCK_BYTE_LENGTH;
      const found = await unlessAborted(block.bytes, signal);
      const from = Math.max(byteOffset, start);
      const part = found.subarray(from - start, Math.min(end - start, found.byteLength));
      bytes.set(part, from - byteOffset);
      block.unread -= part.byteLength;
      if (block.unread <= 0 && this.#blocks.get(index) === block) this.#blocks.delete(index);
    }
    return bytes;
  }

  /** Ends what is on its way, and whoever waits for it. */
  close(): void {
    this.#abort.abort(new DOMException("the file was closed", "AbortError"));
    this.#blocks.clear();
  }

  /** The block, which is fetched unless it is there or on its way. */
  #block(index: number): Block {
    const known = this.#blocks.get(index);
    if (known) return known;
    const start = index * BLOCK_BYTE_LENGTH;
    const end = Math.min(start + BLOCK_BYTE_LENGTH, this.#byteLength);
    const block = { bytes: this.#inTurn(start, end), unread: end - start };
    this.#blocks.set(index, block);
    // Whoever waits for it hears of it; the next one tries again.
    block.bytes.catch(() => {
      if (this.#blocks.get(index) === block) this.#blocks.delete(index);
    });
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= MOST_BLOCKS) break;
      this.#blocks.delete(oldest);
    }
    return block;
  }

  async #inTurn(start: number, end: number): Promise<Uint8Array> {
    this.#free -= 1;
    if (this.#free < 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      this.#abort.signal.throwIfAborted();
      return await this.#fetch(start, end, this.#abort.signal);
    } finally {
      this.#free += 1;
      this.#waiting.shift()?.();
    }
  }
}

/** Waits for what others wait for, too: an abort ends only this waiting. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<T>((resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener("abort", onAbort, { once: true });
      promise.then(resolve, reject);
    });
  } finally {
    if (onAbort) signal.removeEventListener("abort", onAbort);
  }
}
