/** What is known of a request when it has been answered, for logs and metrics. */
import type { ApiError } from "./errors.ts";
import type { ExchangeCounts } from "./exchange.ts";

/** A request that was answered, or given up. */
export interface RequestRecord extends Readonly<ExchangeCounts> {
  readonly method: string;
  /** As it was asked for, cut off where it is long. */
  readonly path: string;
  /** The address without what varies; one of few. */
  readonly route: string;
  /** As it was sent. Of a stream that broke: what would have been sent, had it been known in time; 499 where the client left. */
  readonly status: number;
  readonly durationMs: number;
  readonly error: ApiError | undefined;
}

/** What addresses there are, without what varies in them, and how each may be asked. */
export const METHODS: Readonly<Record<string, string>> = {
  "/health": "GET",
  "/health/live": "GET",
  "/metrics": "GET",
  "/v1/models": "GET",
  "/v1/models/{id}": "GET",
  "/v1/completions": "POST",
  "/v1/chat/completions": "POST",
};

/** The address without what varies. One that is none of the server's is `other`, so that nobody can make up new ones. */
export function routeOf(path: string): string {
  const route = path.startsWith("/v1/models/") ? "/v1/models/{id}" : path;
  return Object.hasOwn(METHODS, route) ? route : "other";
}

/** Most characters of an address in a log. */
const SHOWN_PATH = 120;

export function shownPath(path: string): string {
  return path.length <= SHOWN_PATH ? path : `${path.slice(0, SHOWN_PATH)}…`;
}
