/**
 * `npm run bench:browser -- [--device cpu|webgpu] [--runs N] [--json]`: how long it takes in a headless Chromium from a click to the
 * first text of the storyteller, whose files the browser has in its cache, and where that time goes. Every run is a page of its own.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installDependencies, requireNode, root } from "./setup.mjs";

await requireNode();
await installDependencies();
const [{ chromium }, { bundleForBrowser }, { ISOLATION, serveFolders }, adapter] = await Promise.all([
  import("playwright"),
  import("./browser-bundle.mjs"),
  import("./serve-folders.mjs"),
  import("./software-adapter.mjs"),
]);

/**
 * @typedef {import("./first-sample.page.mjs").FirstSample} FirstSample
 * @typedef {FirstSample & { processorMs: number }} Measured
 */

const PROMPT = "Once upon a time there was a little";

const { values } = parseArgs({
  options: {
    device: { type: "string" },
    runs: { type: "string", default: "5" },
    json: { type: "boolean", default: false },
  },
});
const runs = Number(values.runs);
if (!(Number.isInteger(runs) && runs >= 1))
  throw new Error(`--runs: expected a whole number of at least 1, found ${values.runs}`);
if (values.device !== undefined && values.device !== "cpu" && values.device !== "webgpu") {
  throw new Error(`--device: expected cpu or webgpu, found ${values.device}`);
}
/** @type {readonly ("cpu" | "webgpu")[]} */
const devices = values.device ? [values.device] : ["cpu", "webgpu"];

const chunks = await bundleForBrowser(await readFile(new URL("first-sample.page.mjs", import.meta.url), "utf8"));
const folder = await mkdtemp(join(tmpdir(), "bench-browser-"));
const pageFolder = join(folder, "page");
await mkdir(join(pageFolder, "assets"), { recursive: true });
for (const { file, code } of chunks) await writeFile(join(pageFolder, file), code);
await writeFile(
  join(pageFolder, "index.html"),
  `<!doctype html><script type="module" src="/${chunks[0]?.file}"></script>`,
);
const modelFolder = join(root, "packages", "storyteller", "model");
const server = await serveFolders({ "/model/": modelFolder, "/": pageFolder }, ISOLATION);
const software = adapter.isSoftwareAdapterSupported() ? await adapter.prepareSoftwareAdapter() : undefined;
// A profile of its own, and on the disk as a user's is: the cache of one in memory is too small for a model.
const browser = await chromium.launchPersistentContext(join(folder, "profile"), adapter.chromiumOptions(software));
try {
  const session = await browser.browser()?.newBrowserCDPSession();
  /** What all processes of the browser have computed so far: on a busy machine it says more than the time that passed. */
  const processorMs = async () => {
    const info = await session?.send("SystemInfo.getProcessInfo");
    return (info?.processInfo ?? []).reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
  };
  /**
   * @param {"cpu" | "webgpu"} device
   * @returns {Promise<Measured>}
   */
  const measure = async (device) => {
    const page = await browser.newPage();
    await page.goto(`${server.url}/index.html`);
    await page.waitForFunction("globalThis.firstSample");
    const before = await processorMs();
    /** @type {FirstSample} */
    const sample = await page.evaluate(
      `firstSample(${JSON.stringify(`${server.url}/model/`)}, "${device}", ${JSON.stringify(PROMPT)})`,
    );
    const processor = (await processorMs()) - before;
    await page.close();
    return { ...sample, processorMs: processor };
  };
  for (const device of devices) {
    // What is not yet in the cache: the files, and the first time also what the browser starts for a GPU.
    const cold = await measure(device);
    /** @type {Measured[]} */
    const samples = [];
    while (samples.length < runs) samples.push(await measure(device));
    if (values.json) console.log(JSON.stringify({ device, cold, samples }));
    else print(device, cold, samples);
  }
} finally {
  await browser.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
}

/**
 * @param {string} device
 * @param {Measured} cold
 * @param {readonly Measured[]} samples
 */
function print(device, cold, samples) {
  /** @type {(value: (sample: Measured) => number) => string} */
  const summary = (value) => {
    const sorted = samples.map(value).sort((a, b) => a - b);
    const [min = 0, max = 0] = [sorted[0], sorted.at(-1)];
    return `${ms(((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2)} (${ms(min)} to ${ms(max)})`;
  };
  console.log(`\n${cold.device}; ${samples.length} runs, median (least to most), from the click on`);
  /** @type {[string, string][]} */
  const rows = [
    ["device there", summary(({ deviceMs }) => deviceMs)],
    ["first tensor on it", summary(({ firstTensorMs }) => firstTensorMs)],
    ["last tensor on it", summary(({ lastTensorMs }) => lastTensorMs)],
    ["loaded", summary(({ loadMs }) => loadMs)],
    ["first text", summary(({ firstTextMs }) => firstTextMs)],
    ["  the first time, files not cached", ms(cold.firstTextMs)],
    ["  processor time until it is disposed", summary(({ processorMs }) => processorMs)],
    [
      `requests, ${samples[0]?.requests.length}: until the last`,
      summary(({ requests }) => Math.max(...requests.map(({ end }) => end))),
    ],
    ["  bytes over the network", samples.map(({ transferredBytes }) => transferredBytes).join(", ")],
    [`pipelines, ${samples[0]?.pipelines.length}: time with any`, summary(({ pipelines }) => covered(pipelines))],
    ["  from", summary(({ pipelines }) => Math.min(...pipelines.map(({ start }) => start)))],
    ["  to", summary(({ pipelines }) => Math.max(...pipelines.map(({ end }) => end)))],
  ];
  for (const [name, value] of rows)
    if (device === "webgpu" || !/pipelines|^ {2}(from|to)|device/.test(name))
      console.log(`${name.padEnd(36)} ${value}`);
}

/**
 * How long at least one of the spans lasts.
 * @param {FirstSample["pipelines"]} spans
 */
function covered(spans) {
  let [total, until] = [0, 0];
  for (const { start, end } of spans.toSorted((a, b) => a.start - b.start)) {
    total += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return total;
}

/** @param {number} duration */
function ms(duration) {
  return `${Math.round(duration)} ms`;
}
