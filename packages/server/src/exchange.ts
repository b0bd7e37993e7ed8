/**
 * One request for text and its answer, from its admission to its end: what ends it early (the client, the clock, the server), and what
 * is known of it afterwards. Many run at once; the server waits for them, or ends them.
 */
import { type ApiError, ClientGoneError, RequestTimeoutError } from "./errors.ts";

/** What is counted of an exchange. */
export interface ExchangeCounts {
  promptTokens: number;
  completionTokens: number;
  /** From the request to the first token of any of its texts. */
  firstTokenMs: number | undefined;
}

/** A request that is under way. */
export class Exchange {
  readonly counts: ExchangeCounts = { promptTokens: 0, completionTokens: 0, firstTokenMs: undefined };
  readonly #controller = new AbortController();
  readonly #texts: AbortController[] = [];
  #onEnd: (() => void)[] = [];
  #isEnded = false;
  #error: ApiError | undefined;

  /**
   * @param client - aborted when the client goes
   * @param timeoutMs - the longest that it may take
   */
  constructor(client: AbortSignal, timeoutMs: number) {
    const timer = setTimeout(() => this.abort(new RequestTimeoutError(timeoutMs)), timeoutMs);
    const onGone = (): void => this.abort(new ClientGoneError("went away"));
    client.addEventListener("abort", onGone, { once: true });
    if (client.aborted) onGone();
    this.onEnd(() => {
      clearTimeout(timer);
      client.removeEventListener("abort", onGone);
    });
  }

  /** Aborted when the exchange is to end; its reason is why. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A signal as `signal`, for one text: many listeners on one signal look like a leak. */
  textSignal(): AbortSignal {
    const controller = new AbortController();
    if (this.signal.aborted) controller.abort(this.signal.reason);
    this.#texts.push(controller);
    return controller.signal;
  }

  /** Ends it. Only the first reason counts. */
  abort(reason: unknown): void {
    if (this.signal.aborted) return;
    for (const controller of [this.#controller, ...this.#texts]) controller.abort(reason);
  }

  /** What it failed with, once it has ended. */
  get error(): ApiError | undefined {
    return this.#error;
  }

  /** Calls the listener when everything is said; at once where that is so. */
  onEnd(listener: () => void): void {
    if (this.#isEnded) listener();
    else this.#onEnd.push(listener);
  }

  /** Nothing more comes of it. */
  end(error?: ApiError): void {
    this.#isEnded = true;
    this.#error = error;
    for (const listener of this.#onEnd) listener();
    this.#onEnd = [];
  }
}

/** The exchanges that are under way. */
export class Exchanges {
  readonly #running = new Set<Exchange>();
  #onIdle: (() => void)[] = [];

  begin(client: AbortSignal, timeoutMs: number): Exchange {
    const exchange = new Exchange(client, timeoutMs);
    this.#running.add(exchange);
    exchange.onEnd(() => {
      this.#running.delete(exchange);
      if (this.#running.size > 0) return;
      for (const resolve of this.#onIdle) resolve();
      this.#onIdle = [];
    });
    return exchange;
  }

  get size(): number {
    return this.#running.size;
  }

  abortAll(reason: unknown): void {
    for (const exchange of this.#running) exchange.abort(reason);
  }

  /** Resolves when none is under way. */
  idle(): Promise<void> {
    return this.#running.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }
}
