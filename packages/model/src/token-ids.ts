/** Ids of tokens in a list that grows: four bytes each. */
export class TokenIds {
  #words: Uint32Array;
  #length = 0;

  /** @param ids - the first ones, which are copied */
  constructor(ids: ArrayLike<number> = []) {
    this.#words = new Uint32Array(Math.max(ids.length, 16));
    this.append(ids);
  }

  get length(): number {
    return this.#length;
  }

  /** All of them; a view, which later ids do not change. */
  get all(): Uint32Array {
    return this.#words.subarray(0, this.#length);
  }

  /** Appends ids, or only the first `count` of them. */
  append(ids: ArrayLike<number>, count: number = ids.length): void {
    const length = this.#length + count;
    if (length > this.#words.length) {
      const words = new Uint32Array(Math.max(length, 2 * this.#words.length));
      words.set(this.all);
      this.#words = words;
    }
    for (let i = 0; i < count; i++) this.#words[this.#length + i] = ids[i] as number;
    this.#length = length;
  }
}
