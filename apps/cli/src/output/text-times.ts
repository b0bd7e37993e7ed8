/** How long a text took to come, token by token. */
import { formatDuration, formatNumberOf } from "./units.ts";

export interface TextTimes {
  readonly tokens: number;
  readonly firstTokenMs: number | undefined;
  readonly durationMs: number;
  /** Of the tokens after the first, which alone waits for the prompt to be read. */
  readonly tokensPerSecond: number | undefined;
}

export interface TextMeter {
  /** To be called as each token comes. */
  token(): void;
  /** Up to now. */
  end(): TextTimes;
}

/** Counts from now on. */
export function startTextTimes(now: () => number = () => performance.now()): TextMeter {
  const start = now();
  let tokens = 0;
  let firstTokenMs: number | undefined;
  return {
    token() {
      tokens += 1;
      firstTokenMs ??= now() - start;
    },
    end() {
      const durationMs = now() - start;
      const laterMs = durationMs - (firstTokenMs ?? 0);
      const tokensPerSecond = tokens > 1 && laterMs > 0 ? ((tokens - 1) * 1000) / laterMs : undefined;
      return { tokens, firstTokenMs, durationMs, tokensPerSecond };
    },
  };
}

/** `20 tokens in 1.23 s, the first after 120 ms, then 17.1 tok/s`. */
export function formatTextTimes({ tokens, durationMs, firstTokenMs, tokensPerSecond }: TextTimes): string {
  const count = `${formatNumberOf(tokens, "token")} in ${formatDuration(durationMs)}`;
  const first = firstTokenMs === undefined ? "" : `, the first after ${formatDuration(firstTokenMs)}`;
  const rate = tokensPerSecond === undefined ? "" : `, then ${formatRate(tokensPerSecond)}`;
  return `${count}${first}${rate}`;
}

/** `17.1 tok/s`. */
export function formatRate(tokensPerSecond: number): string {
  return `${tokensPerSecond.toFixed(1)} tok/s`;
}
