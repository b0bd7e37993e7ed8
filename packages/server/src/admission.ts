/**
 * How many texts may be under way and wait. What has no place is refused at once, with a guess at when there will be one: waiting
 * without an end helps nobody.
 */
import { QueueFullError } from "./errors.ts";

export interface AdmissionOptions {
  /** Texts that are decoded together. */
  readonly batchSize: number;
  /** Texts that may wait beside them. */
  readonly queueSize: number;
}

/** How much the newest text counts in the average of how long one takes. */
const NEWEST = 0.2;

/** Seconds that a client is asked to wait at most. */
const LONGEST_WAIT = 60;

/** Keeps count of places. */
export class Admission {
  readonly #options: AdmissionOptions;
  #open = 0;
  /** Of one text, on average. */
  #textMs = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Texts that have a place. */
  get open(): number {
    return this.#open;
  }

  /**
   * Takes places for so many texts; returns how one of them is given back.
   *
   * @throws QueueFullError where there are not so many: then none is taken
   */
  enter(texts: number): () => void {
    const { batchSize, queueSize } = this.#options;
    if (this.#open + texts > batchSize + queueSize) throw new QueueFullError(this.#open, this.#secondsFor(texts));
    this.#open += texts;
    const start = performance.now();
    return () => {
      this.#open -= 1;
      const textMs = performance.now() - start;
      this.#textMs += (textMs - this.#textMs) * (this.#textMs === 0 ? 1 : NEWEST);
    };
  }

  /** Until so many places are free, if all go on as before. */
  #secondsFor(texts: number): number {
    const { batchSize, queueSize } = this.#options;
    const missing = this.#open + texts - batchSize - queueSize;
    const rounds = Math.ceil(missing / batchSize);
    return Math.min(LONGEST_WAIT, Math.max(1, Math.ceil((rounds * this.#textMs) / 1000)));
  }
}
