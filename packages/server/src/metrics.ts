/** What Prometheus is told. Each server has its own registry. */
import type { PrefixCache } from "@blackmamba/model";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { RequestRecord } from "./request-record.ts";
import type { ServedBatcher } from "./served-model.ts";

/** From a small model on a GPU to a long prompt in a full queue. */
const REQUEST_SECONDS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
/** Up to a token each second; above that nobody reads along. */
const TOKEN_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

/** Counts what a server does. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Counter<"route" | "status">;
  readonly #requestSeconds: Histogram<"route">;
  readonly #promptTokens: Counter;
  readonly #generatedTokens: Counter;
  readonly #firstTokenSeconds: Histogram;
  readonly #tokenSeconds: Histogram;

  constructor() {
    const registers = [this.registry];
    this.#requests = new Counter({
      name: "blackmamba_http_requests_total",
      help: "Requests that were answered, or given up",
      labelNames: ["route", "status"] as const,
      registers,
    });
    this.#requestSeconds = new Histogram({
      name: "blackmamba_http_request_duration_seconds",
      help: "From a request to the end of its answer",
      labelNames: ["route"] as const,
      buckets: REQUEST_SECONDS,
      registers,
    });
    this.#promptTokens = new Counter({ name: "blackmamba_prompt_tokens_total", help: "Tokens of prompts", registers });
    this.#generatedTokens = new Counter({
      name: "blackmamba_generated_tokens_total",
      help: "Tokens of answers",
      registers,
    });
    this.#firstTokenSeconds = new Histogram({
      name: "blackmamba_time_to_first_token_seconds",
      help: "From a request to the first token of each of its texts",
      buckets: REQUEST_SECONDS,
      registers,
    });
    this.#tokenSeconds = new Histogram({
      name: "blackmamba_time_per_token_seconds",
      help: "From one token of a text to its next",
      buckets: TOKEN_SECONDS,
      registers,
    });
  }

  /** Shows the batch and, if there is one, the cache. */
  watch(batcher: ServedBatcher, cache: PrefixCache | undefined): void {
    this.#gauge("blackmamba_texts_active", "Texts that are being decoded", () => batcher.active);
    this.#gauge("blackmamba_texts_waiting", "Texts that wait for a place in the batch", () => batcher.waiting);
    if (!cache) return;
    this.#gauge("blackmamba_prefix_cache_bytes", "Bytes of the prefix cache", () => cache.byteLength);
    this.#gauge("blackmamba_prefix_cache_hit_tokens", "Tokens of prompts that were known", () => cache.hitTokens);
    this.#gauge("blackmamba_prefix_cache_missed_tokens", "Tokens that were computed", () => cache.missedTokens);
  }

  /** A token came so long after the one before, or the first after the request. */
  countToken(durationMs: number, isFirst: boolean): void {
    (isFirst ? this.#firstTokenSeconds : this.#tokenSeconds).observe(durationMs / 1000);
    this.#generatedTokens.inc();
  }

  countRequest({ route, status, durationMs, promptTokens }: RequestRecord): void {
    this.#requests.inc({ route, status: String(status) });
    this.#requestSeconds.observe({ route }, durationMs / 1000);
    this.#promptTokens.inc(promptTokens);
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }
}
