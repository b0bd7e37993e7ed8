/**
 * Numbers and errors as people read them.
 */

/** `27.8 MB`: decimal units, three digits. */
export function formatBytes(byteLength: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = byteLength < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(byteLength) / 3));
  return `${formatNumber(byteLength / 1000 ** power)} ${units[power]}`;
}

/** Three digits that count. */
export function formatNumber(value: number): string {
  return new Intl.NumberFormat("en", { maximumSignificantDigits: 3 }).format(value);
}

/** `26 M`: with a letter for thousands, millions and so on. */
export function formatCount(value: number): string {
  return new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

/** `340 ms`, `2.1 s`. */
export function formatDuration(durationMs: number): string {
  return durationMs < 1000 ? `${formatNumber(durationMs)} ms` : `${formatNumber(durationMs / 1000)} s`;
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
