/** Numbers as people read them. Not for JSON, which has the numbers themselves. */

/** `1234567` → `1,234,567`. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

const BYTE_UNITS = ["kB", "MB", "GB", "TB"] as const;

/** Decimal units, as disks and downloads are sold: `26_100_000` → `26.1 MB`. */
export function formatBytes(byteLength: number): string {
  if (byteLength < 1000) return `${byteLength} bytes`;
  let value = byteLength;
  let unit = -1;
  // 999.95 would be written 1000.0.
  while (value >= 999.95 && unit < BYTE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** `1234.5` → `1.23 s`. */
export function formatDuration(durationMs: number): string {
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(2)} s`;
}
