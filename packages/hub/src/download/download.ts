/**
 * A file on its way into the cache, which can be read meanwhile. It is fetched from its front, several ranges at once; a small read
 * far ahead of that is fetched at once, and not a second time when the front comes there. Not here: where it is kept, see `cache/`.
 */
import { type ByteSource, checkRange, type ReadOptions } from "@blackmamba/checkpoint";
import { ResponseError } from "../errors.ts";
import { collect } from "../http/collect.ts";
import { fetchRange } from "../http/fetch-range.ts";
import type { RemoteFile } from "../http/remote-file.ts";
import type { Hasher } from "./hash.ts";
import { type Island, Islands } from "./islands.ts";
import type { PartialFile } from "./partial-file.ts";
import { type ReadAhead, readAhead } from "./read-ahead.ts";
import { Waiters } from "./waiters.ts";

/** Long enough for a connection to reach its speed, and few enough bytes to hold in memory or to lose when the process dies. */
const RANGE_BYTE_LENGTH = 8 * 1024 * 1024;
/** Servers of large files limit each connection, not their number. */
const RANGES_AT_ONCE = 4;
/** A read of at most so many bytes does not wait for the front: directories and headers are not larger, tensors that matter are. */
const ISLAND_BYTE_LENGTH = 1024 * 1024;

/** How far a download has come. */
export interface FetchProgress {
  /** The file, with its model. */
  readonly file: string;
  /** Bytes that are there, those of an earlier attempt included. */
  readonly fetchedBytes: number;
  readonly totalBytes: number;
  /** Over this attempt. */
  readonly bytesPerSecond: number;
  /** At this rate. */
  readonly secondsLeft: number;
}

/** What a download is made of. */
export interface DownloadOptions {
  readonly file: RemoteFile & { readonly byteLength: number };
  /** Begins the file that it gathers in, or goes on with one; not before something is to be kept. */
  readonly begin: (signal: AbortSignal) => Promise<PartialFile>;
  /** Takes all bytes, and throws at the end unless they are what was published. */
  readonly check: Pick<Hasher, "update"> & { verify(): void };
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
}

/** A source over a file that is being fetched, or will be. */
export class Download implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #options: DownloadOptions;
  readonly #abort = new AbortController();
  readonly #islands = new Islands();
  readonly #waiters = new Waiters();
  #partial: PartialFile | undefined;
  #done: Promise<void> | undefined;
  #failure: unknown;
  /** Up to here, bytes are in the file and in the hash. */
  #front = 0;
  #startedMs = 0;
  #startedAt = 0;

  constructor(options: DownloadOptions) {
    this.#options = options;
    this.name = options.file.name;
    this.byteLength = options.file.byteLength;
  }

  /** Waits for a range that is on its way, or fetches it. */
  async read(byteOffset: number, byteLength: number, { signal }: ReadOptions = {}): Promise<Uint8Array> {
    checkRange(this.name, this.byteLength, byteOffset, byteLength);
    signal?.throwIfAborted();
    this.#abort.signal.throwIfAborted();
    if (byteLength === 0) return new Uint8Array();
    const end = byteOffset + byteLength;
    if (end > this.#available) {
      const alone = this.#islands.find(byteOffset, end) ?? (await this.#fetchIsland(byteOffset, byteLength, signal));
      if (alone) return alone;
      if (end > this.#available) await this.#waiters.wait(end, this.#start(), signal);
    }
    const bytes = await (this.#partial as PartialFile).read(byteOffset, byteLength).catch((error: unknown) => {
      // What was wrong is deleted, and that it was wrong is what matters.
      throw this.#failure ?? error;
    });
    signal?.throwIfAborted();
    return bytes;
  }

  /** Fetches what is missing. Resolves when all of the file is there, is what was published, and is in the cache. */
  async complete({ signal }: ReadOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    this.#abort.signal.throwIfAborted();
    await this.#waiters.wait(Number.POSITIVE_INFINITY, this.#start(), signal);
  }

  /** Ends it; what was fetched from the front on stays for the next time. */
  async close(): Promise<void> {
    this.#abort.abort(new DOMException(`${this.name} was closed`, "AbortError"));
    await this.#done?.catch(() => {});
    await this.#partial?.close();
  }

  /** Bytes from the first on that can be read. */
  get #available(): number {
    return this.#partial?.byteLength ?? 0;
  }

  /** Whether the front, or what is on its way to it, would not be there soon. */
  #isFarAhead(byteOffset: number, byteLength: number): boolean {
    if (byteLength > ISLAND_BYTE_LENGTH || this.#options.file.hasRanges === false) return false;
    return !this.#done || byteOffset > this.#front + RANGES_AT_ONCE * RANGE_BYTE_LENGTH;
  }

  /** Fetches a small range far ahead by itself, if the server gives such. */
  async #fetchIsland(
    byteOffset: number,
    byteLength: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array | undefined> {
    if (!this.#isFarAhead(byteOffset, byteLength)) return undefined;
    const { start, end } = this.#islands.around(byteOffset, byteOffset + byteLength, this.byteLength);
    const both = signal ? AbortSignal.any([signal, this.#abort.signal]) : this.#abort.signal;
    const { file } = this.#options;
    const bytes = await collect(fetchRange(file, start, end, { signal: both, isPartOnly: true }), end - start);
    if (bytes.byteLength < end - start) return undefined;
    this.#islands.add({ start, bytes });
    return bytes.slice(byteOffset - start, byteOffset - start + byteLength);
  }

  #start(): Promise<void> {
    if (!this.#done) {
      this.#done = this.#run();
      // Whoever waits for it hears of it.
      this.#done.catch((error: unknown) => {
        this.#failure = error;
      });
    }
    return this.#done;
  }

  async #run(): Promise<void> {
    const { begin, check } = this.#options;
    const partial = await begin(this.#abort.signal);
    this.#partial = partial;
    this.#abort.signal.throwIfAborted();
    this.#waiters.reach(partial.byteLength);
    await this.#takeUp(partial);
    await this.#fetchRest(partial);
    try {
      check.verify();
    } catch (error) {
      this.#failure = error;
      // That it is wrong matters more than that it is still there.
      await partial.discard().catch(() => {});
      throw error;
    }
    await partial.finish();
  }

  /** What an earlier attempt left counts, if the hash agrees at the end. */
  async #takeUp(partial: PartialFile): Promise<void> {
    const { check } = this.#options;
    while (this.#front < partial.byteLength) {
      this.#abort.signal.throwIfAborted();
      const byteLength = Math.min(RANGE_BYTE_LENGTH, partial.byteLength - this.#front);
      check.update(await partial.read(this.#front, byteLength));
      this.#advance(byteLength);
    }
    this.#startedAt = this.#front;
    this.#startedMs = performance.now();
  }

  async #fetchRest(partial: PartialFile): Promise<void> {
    const { file } = this.#options;
    const ranges: Range[] = [];
    let next = this.#front;
    const askForMore = () => {
      next = Math.max(next, this.#front);
      // Whether there are ranges is known after the first.
      while (next < this.byteLength && ranges.length < (file.hasRanges ? RANGES_AT_ONCE : 1)) {
        const range = this.#rangeFrom(next);
        ranges.push(range);
        next = range.end;
      }
    };
    let range: Range | undefined;
    try {
      while (this.#front < this.byteLength) {
        askForMore();
        range = ranges.shift() as Range;
        for await (const piece of range.pieces) {
          if (file.hasRanges) askForMore();
          // A server that has no ranges, or none now and then, gives what the next one gives, too.
          const room = (ranges[0]?.start ?? this.byteLength) - this.#front;
          if (room <= 0) break;
          await this.#keep(partial, piece.subarray(0, room));
        }
        range.cancel();
        if (this.#front < range.end) {
          const found = `${this.byteLength} bytes expected, the server gave those up to ${this.#front}; load it again`;
          throw new ResponseError(this.name, found);
        }
      }
    } finally {
      for (const each of [range, ...ranges]) each?.cancel();
    }
  }

  async #keep(partial: PartialFile, bytes: Uint8Array): Promise<void> {
    await partial.append(bytes);
    this.#options.check.update(bytes);
    this.#advance(bytes.byteLength);
  }

  #rangeFrom(start: number): Range {
    const island = this.#islands.from(start);
    if (island) return { start, end: start + island.byteLength, pieces: once(island), cancel: () => {} };
    const end = Math.min(
      start + RANGE_BYTE_LENGTH,
      this.#islands.startAfter(start) ?? this.byteLength,
      this.byteLength,
    );
    const { file } = this.#options;
    const all = this.#abort.signal;
    // Without ranges all of the file comes at once, and may come faster than it can be written.
    if (!file.hasRanges) return { start, end, pieces: fetchRange(file, start, end, { signal: all }), cancel: () => {} };
    const fetchPieces = (signal: AbortSignal) =>
      fetchRange(file, start, end, { signal: AbortSignal.any([all, signal]) });
    return { start, end, ...readAhead(fetchPieces) };
  }

  #advance(byteLength: number): void {
    this.#front += byteLength;
    this.#waiters.reach(this.#front);
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const bytesPerSecond = this.#startedMs > 0 && seconds > 0 ? (this.#front - this.#startedAt) / seconds : 0;
    this.#options.onProgress?.({
      file: this.name,
      fetchedBytes: this.#front,
      totalBytes: this.byteLength,
      bytesPerSecond,
      secondsLeft: bytesPerSecond > 0 ? (this.byteLength - this.#front) / bytesPerSecond : Number.POSITIVE_INFINITY,
    });
  }
}

/** Bytes that are on their way. */
interface Range extends ReadAhead {
  readonly start: number;
  readonly end: number;
}

async function* once(bytes: Island["bytes"]): AsyncGenerator<Uint8Array> {
  yield bytes;
}
