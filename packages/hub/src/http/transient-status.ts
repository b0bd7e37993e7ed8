/** Answers of servers that are busy or stumbled. */

/** Statuses after which the same request may succeed. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Worth another try. */
export class TransientStatusError extends Error {
  /** How long the server asks to wait, if it does. */
  readonly retryAfterMs: number | undefined;

  constructor({ status, headers }: Response) {
    super(`status ${status}`);
    this.retryAfterMs = readRetryAfter(headers.get("Retry-After"));
  }
}

/** Throws `TransientStatusError` if the answer is such a one. */
export function refuseTransient(response: Response): void {
  if (TRANSIENT.has(response.status)) throw new TransientStatusError(response);
}

/** Seconds, or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (!header) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
