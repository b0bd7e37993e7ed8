/** What only some reports have; the rest is tested with the command, in `run.node.test.ts`. */
import { summarise } from "@blackmamba/bench";
import { expect, test } from "vitest";
import { REPORT } from "../testing/fake-library.ts";
import { compareReports } from "./figures.ts";
import { formatReport } from "./format-report.ts";
import type { BenchReport } from "./report.ts";

const summary = (...runs: number[]) => summarise(runs);

test("a checkpoint's load: beside reading and giving alone", () => {
  const load = {
    ...{ byteLength: 2_900_000_000, durationMs: 3300, readAloneMs: 900, uploadAloneMs: 3000 },
    ...{ byTheSlower: 1.1, hostBytesBeyond: 150_000_000 },
  };
  expect(formatReport({ ...REPORT, load })).toContain(`
loading 2.9 GB
time                            3.30 s, 1.10 × the slower of its parts
reading the file alone          900 ms
giving it to the device alone   3.00 s
host memory beyond the weights  at most 150.0 MB, all of the program included
`);
  expect(formatReport({ ...REPORT, load: { ...load, readAloneMs: undefined } })).not.toContain("reading the file");
});

test("a long context: time per token after both, by both clocks", () => {
  const context = {
    ...{ tokens: 100_000, shortTokens: 10, decodeTokens: 256 },
    wall: { shortUsPerToken: summary(1000, 990, 1020), longUsPerToken: summary(1010), ratio: 1.01 },
    device: { shortUsPerToken: summary(534), longUsPerToken: summary(533), ratio: 533 / 534 },
  };
  expect(formatReport({ ...REPORT, context })).toContain(`
time per token, 3 runs of 256 tokens in turn
             after 10 tokens          after 100,000 tokens       ratio
wall time    1,000 µs (990 to 1,020)  1,010 µs (1,010 to 1,010)  1.010
device time  534 µs (534 to 534)      533 µs (533 to 533)        0.998
`);
  expect(formatReport({ ...REPORT, context: { ...context, device: undefined } })).not.toContain("device time  534");
});

const CPU = {
  ...{ tokens: 64, promptTokens: 256 },
  variants: [
    {
      ...{ code: "TypeScript", threads: 1, decodeTokensPerSecond: summary(100, 90, 110) },
      ...{ prefillTokensPerSecond: summary(200), decodeSpeedup: 1, prefillSpeedup: 1 },
    },
    {
      ...{ code: "WebAssembly", threads: 1, decodeTokensPerSecond: summary(1200) },
      ...{ prefillTokensPerSecond: summary(3000), decodeSpeedup: 12, prefillSpeedup: 15 },
    },
    {
      ...{ code: "WebAssembly", threads: 2, decodeTokensPerSecond: summary(1700) },
      ...{ prefillTokensPerSecond: summary(6000), decodeSpeedup: 17, prefillSpeedup: 30 },
    },
  ],
} satisfies BenchReport["cpu"];

test("plain TypeScript and WebAssembly: rates, and by how much they are faster", () => {
  const text = formatReport({ ...REPORT, cpu: CPU });
  expect(text).toContain("\nthe device cpu, 3 runs in turn\n");
  expect(text).toMatch(/\nplain TypeScript {2,}100 tok\/s \(90\.0 to 110\) {2,}200 tok\/s \(200 to 200\)\n/);
  expect(text).toMatch(
    /\nWebAssembly, 2 threads {2}1,700 tok\/s \(.*\) {2,}17\.0 × {2}6,000 tok\/s \(.*\) {2,}30\.0 ×\n/,
  );
});

test("compared by names: what one report lacks, or measured in another way, is left out", () => {
  const names = (before: BenchReport) =>
    compareReports({ ...REPORT, cpu: CPU }, before).map(({ figure }) => figure.name);
  expect(names({ ...REPORT, cpu: CPU })).toContain("decode by plain TypeScript: 2 threads");
  const { gapsMs: _, ...decode } = REPORT.decode;
  // As an earlier version wrote it.
  const earlier = { ...REPORT, decode, context: { tokens: 9, shortTokens: 10, ratio: 1 } } as unknown as BenchReport;
  expect(names(earlier).filter((name) => /gap|plain|context/.test(name))).toEqual([]);
  expect(names(earlier)).toContain("decode");
});
