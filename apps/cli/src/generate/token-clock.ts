/** How fast tokens come. */
import { formatDuration } from "../output/units.ts";

/** Durations from the moment the model is loaded. */
export interface Timing {
  readonly tokens: number;
  readonly firstTokenMs: number | undefined;
  readonly durationMs: number;
  /** Of the tokens after the first, which alone waits for the prompt to be read. */
  readonly tokensPerSecond: number | undefined;
}

/** Runs from when it is made. */
export class TokenClock {
  readonly #start = performance.now();
  #tokens = 0;
  #firstTokenMs: number | undefined;

  /** A token has come. */
  tick(): void {
    this.#firstTokenMs ??= performance.now() - this.#start;
    this.#tokens += 1;
  }

  get tokens(): number {
    return this.#tokens;
  }

  stop(): Timing {
    const [tokens, firstTokenMs] = [this.#tokens, this.#firstTokenMs];
    const durationMs = performance.now() - this.#start;
    const laterMs = durationMs - (firstTokenMs ?? 0);
    const tokensPerSecond = tokens > 1 && laterMs > 0 ? ((tokens - 1) * 1000) / laterMs : undefined;
    return { tokens, firstTokenMs, durationMs, tokensPerSecond };
  }
}

/** One line. */
export function formatTiming({ tokens, durationMs, firstTokenMs, tokensPerSecond }: Timing): string {
  const count = `${tokens} ${tokens === 1 ? "token" : "tokens"} in ${formatDuration(durationMs)}`;
  const first = firstTokenMs === undefined ? "" : `, the first after ${formatDuration(firstTokenMs)}`;
  const rate = tokensPerSecond === undefined ? "" : `, then ${tokensPerSecond.toFixed(1)} tok/s`;
  return `${count}${first}${rate}`;
}
