/**
 * `npm run bench:server -- [--clients N] [--seconds S] [--device cpu|webgpu] [--json]`: many clients at once at `blackmamba serve`, on the
 * storyteller. Ends with 1 where an answer is wrong, or a bar is not met.
 */
import { parseArgs } from "node:util";
import { build, installDependencies, requireNode } from "./setup.mjs";

await requireNode();
await installDependencies();
await build("@blackmamba/cli");
const { failedBars, runServerLoad } = await import("./server-load.mjs");

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "64" },
    seconds: { type: "string", default: "300" },
    device: { type: "string", default: "cpu" },
    json: { type: "boolean", default: false },
  },
});
const [clients, seconds] = [count("clients", values.clients), count("seconds", values.seconds)];
const { device } = values;
if (device !== "cpu" && device !== "webgpu") throw new Error(`--device: expected cpu or webgpu, found ${device}`);

const report = await runServerLoad({ device, clients, seconds, onStage: (line) => console.error(line) });
const failures = failedBars(report, { timings: true });
if (values.json) console.log(JSON.stringify({ ...report, failures }));
else print(report);
for (const failure of failures) console.error(`FAILED: ${failure}`);
// A WebGPU instance would keep the process waiting.
process.exit(failures.length > 0 ? 1 : 0);

/** @param {string} option @param {string} text */
function count(option, text) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`--${option}: expected a whole number of at least 1, found ${text}`);
}

/** @param {import("./server-load.mjs").LoadReport} report */
function print(report) {
  const { firstTokenMs, tokenMs, tokensPerSecond, memory, freedSlot } = report;
  /** @param {number} bytes */
  const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  /** @param {import("./server-load.mjs").Growth} growth */
  const grown = ({ before, after, percent }) => `${mb(before)} → ${mb(after)}, ${percent.toFixed(1)} %`;
  const rows = {
    "answers, and clients that vanished": `${report.answers}, ${report.vanished}`,
    "errors, mixed up, different": `${report.errors.length}, ${report.mixedUp.length}, ${report.different.length}`,
    "first token, median and slowest": `${ms(firstTokenMs.median)}, ${ms(firstTokenMs.most)} (${firstTokenMs.ratio.toFixed(1)} ×)`,
    "token to token, median and slowest": `${ms(tokenMs.median)}, ${ms(tokenMs.most)}`,
    "tokens per second, one and all clients": `${tokensPerSecond.alone.toFixed(0)}, ${tokensPerSecond.together.toFixed(0)} (${tokensPerSecond.ratio.toFixed(1)} ×)`,
    "a vanished client's slot is free after": `${ms(freedSlot.slowestMs)}, ${freedSlot.steps} steps at most`,
    "resident memory after the warm-up": grown(memory.rss),
    "heap after the warm-up": grown(memory.heap),
  };
  console.log(`\n${report.device}, ${report.clients} clients, ${report.seconds} s`);
  for (const [name, value] of Object.entries(rows)) console.log(`${name.padEnd(40)} ${value}`);
}

/** @param {number} duration */
function ms(duration) {
  return `${duration.toFixed(duration < 10 ? 1 : 0)} ms`;
}
