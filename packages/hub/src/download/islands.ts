/** Ranges of a file that were fetched by themselves, and are kept until the file's front has come there. */

/** Bytes of the file from `start` on. */
export interface Island {
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A directory is read entry by entry, a header by its length first: so many bytes save the next requests. */
const LEAST_BYTE_LENGTH = 64 * 1024;
/** All islands of a file together. Beyond that they are fetched a second time. */
const MOST_BYTE_LENGTH = 16 * 1024 * 1024;

/** Disjoint ranges of a file, in order. */
export class Islands {
  readonly #all: Island[] = [];
  #byteLength = 0;

  /** A copy of the range, if it lies within one island. */
  find(start: number, end: number): Uint8Array | undefined {
    const island = this.#all.find((each) => each.start <= start && end <= endOf(each));
    return island?.bytes.slice(start - island.start, end - island.start);
  }

  /** The bytes from exactly `start` on, or within an island from there to its end. */
  from(start: number): Uint8Array | undefined {
    const island = this.#all.find((each) => each.start <= start && start < endOf(each));
    return island?.bytes.subarray(start - island.start);
  }

  /** Where the next island begins. */
  startAfter(start: number): number | undefined {
    return this.#all.find((each) => each.start > start)?.start;
  }

  /** What to fetch for a range: somewhat more, but nothing that is there already where the range itself is not. */
  around(start: number, end: number, fileByteLength: number): { readonly start: number; readonly end: number } {
    const wanted = Math.min(Math.max(end, start + LEAST_BYTE_LENGTH), fileByteLength);
    const next = this.startAfter(start) ?? wanted;
    return { start, end: Math.max(end, Math.min(wanted, next)) };
  }

  /** Keeps an island, unless it overlaps another or there are too many. */
  add(island: Island): void {
    const overlaps = this.#all.some((each) => each.start < endOf(island) && island.start < endOf(each));
    if (overlaps || this.#byteLength + island.bytes.byteLength > MOST_BYTE_LENGTH) return;
    this.#byteLength += island.bytes.byteLength;
    this.#all.push(island);
    this.#all.sort((a, b) => a.start - b.start);
  }
}

function endOf({ start, bytes }: Island): number {
  return start + bytes.byteLength;
}
