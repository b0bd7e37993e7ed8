import { expect, test } from "vitest";
import { formatTable } from "./table.ts";
import { formatBytes, formatCount, formatDuration, formatNumberOf, formatTimeLeft } from "./units.ts";

test.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1_000, "1.0 kB"],
  [999_949, "999.9 kB"],
  [999_950, "1.0 MB"],
  [26_123_456, "26.1 MB"],
  [5_570_000_000, "5.6 GB"],
  [2e15, "2000.0 TB"],
])("%d bytes", (byteLength, text) => expect(formatBytes(byteLength)).toBe(text));

test("counts have separators", () => expect(formatCount(26_123_456)).toBe("26,123,456"));

test("one has no s", () => {
  expect([0, 1, 1234].map((count) => formatNumberOf(count, "token"))).toEqual(["0 tokens", "1 token", "1,234 tokens"]);
});

test.each([
  [0.4, "0 ms"],
  [999, "999 ms"],
  [1_234, "1.23 s"],
])("%d ms", (durationMs, text) => expect(formatDuration(durationMs)).toBe(text));

test.each([
  [1, "1 s"],
  [59_000, "59 s"],
  [72_000, "1 min 12 s"],
  [3_599_500, "1 h 0 min"],
  [7_384_000, "2 h 3 min"],
])("%d ms are left", (durationMs, text) => expect(formatTimeLeft(durationMs)).toBe(text));

test("tables line up, and nothing follows the last word", () => {
  const rows = [
    ["a", "1", "x"],
    ["long", "1,000", ""],
  ];
  expect(formatTable(rows, ["left", "right", "left"])).toBe("a         1  x\nlong  1,000\n");
  expect(formatTable([], ["left"])).toBe("");
});
