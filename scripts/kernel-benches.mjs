/**
 * Every kernel's bench (`*.bench.ts`), on this machine's device: µs, bandwidth and arithmetic of each case, and their share of
 * the ceiling that was measured in the same run. Run through `bench-kernels.mjs`, which bundles it.
 *
 * Arguments: words that a case's "kernel: name" must contain, `--device auto|webgpu|cpu`, `--runs N`, `--json`.
 */
/// <reference types="vite/client" />
import { parseArgs } from "node:util";
import { measureCeiling, runKernelBench } from "@blackmamba/bench";
import { selectDevice } from "@blackmamba/tensor";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    device: { type: "string", default: "auto" },
    runs: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});

/** @type {Record<string, { bench: import("@blackmamba/bench").KernelBench }>} */
const modules = import.meta.glob("/packages/*/src/**/*.bench.ts", { eager: true });
const benches = Object.values(modules).map(({ bench }) => bench);
const filter = (/** @type {string} */ title) => positionals.every((word) => title.includes(word));
const runs = Number(values.runs);

const { device, reason } = await selectDevice(/** @type {"auto" | "webgpu" | "cpu"} */ (values.device));
console.error(`device ${reason}`);
const { copyBytesPerSecond, flopsPerSecond } = await measureCeiling(device, { runs });
const ceiling = { bytesPerSecond: copyBytesPerSecond.median, flopsPerSecond: flopsPerSecond.median };
console.error(
  `ceiling: copy ${giga(ceiling.bytesPerSecond)} GB/s, float32 multiply-adds ${giga(ceiling.flopsPerSecond)} GFLOP/s`,
);

const results = [];
for (const bench of benches) {
  const onResult = (/** @type {import("@blackmamba/bench").KernelBenchResult} */ result) => {
    if (!values.json) console.log(line(result));
  };
  results.push(...(await runKernelBench(device, bench, { runs, filter, onResult })));
}
if (values.json) console.log(JSON.stringify({ device: { kind: device.kind, name: device.name }, ceiling, results }));
if (results.length === 0) {
  console.error(`No case's name contains ${positionals.join(" and ")}.`);
  process.exitCode = 2;
}
await device.dispose();
// Dawn's instance would keep the process.
process.exit();

/** @param {import("@blackmamba/bench").KernelBenchResult} result */
function line({ kernel, name, durationUs, bytesPerSecond, flopsPerSecond }) {
  const spread = `${durationUs.min.toFixed(1)}–${durationUs.max.toFixed(1)}`;
  const share = (/** @type {number} */ value, /** @type {number} */ most) =>
    `${((value / most) * 100).toFixed(0)} %`.padStart(5);
  return [
    `${kernel}: ${name}`.padEnd(64),
    `${durationUs.median.toFixed(1)} µs`.padStart(12),
    `(${spread})`.padStart(20),
    `${giga(bytesPerSecond)} GB/s`.padStart(14),
    share(bytesPerSecond, ceiling.bytesPerSecond),
    `${giga(flopsPerSecond)} GFLOP/s`.padStart(18),
    share(flopsPerSecond, ceiling.flopsPerSecond),
  ].join(" ");
}

/** @param {number} value */
function giga(value) {
  return (value / 1e9).toLocaleString("en-US", { maximumFractionDigits: value < 1e11 ? 1 : 0 });
}
