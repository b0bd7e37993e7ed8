/**
 * The CPU device against itself, in one run: plain TypeScript, WebAssembly on one thread, and on all threads, on the
 * storyteller. Run through `compare-cpu.mjs`, which bundles it.
 *
 * Arguments: the model's folder, `--runs N` (each after one to warm up), `--tokens N` (decoded per run), `--prompt N`.
 */
import { parseArgs } from "node:util";
import { summarise } from "@blackmamba/bench";
import { BlackMamba } from "@blackmamba/model";
import { createCpuDevice } from "@blackmamba/tensor";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "5" },
    tokens: { type: "string", default: "64" },
    prompt: { type: "string", default: "256" },
  },
});
const folder = positionals[0] ?? "packages/storyteller/model";
const [runs, tokens, promptLength] = [Number(values.runs), Number(values.tokens), Number(values.prompt)];

const devices = [
  { label: "plain TypeScript", device: createCpuDevice({ plain: true }) },
  { label: "WebAssembly, 1 thread", device: createCpuDevice({ threads: 1 }) },
];
const all = createCpuDevice();
if (all.threads > 1) devices.push({ label: `WebAssembly, ${all.threads} threads`, device: all });

const models = await Promise.all(
  devices.map(async ({ label, device }) => {
    const model = await BlackMamba.load(folder, { device });
    return { label, model, prefill: /** @type {number[]} */ ([]), decode: /** @type {number[]} */ ([]) };
  }),
);
const vocab = Math.min(...models.map(({ model }) => model.config.vocab));
const prompt = Array.from({ length: promptLength }, (_, i) => (i * 7919 + 13) % vocab);

// In turn, so that a machine that becomes slower or faster does so for all.
for (let run = 0; run <= runs; run++) {
  for (const { model, prefill, decode } of models) {
    const state = model.createState();
    const start = performance.now();
    let logits = await state.advance(prompt);
    const middle = performance.now();
    for (let token = 0; token < tokens; token++) logits = await state.advance([greedy(logits)]);
    const end = performance.now();
    await state.dispose();
    if (run === 0) continue;
    prefill.push((1000 * promptLength) / (middle - start));
    decode.push((1000 * tokens) / (end - middle));
  }
}

const base = models[0];
console.log(`median of ${runs} runs: prompt of ${promptLength}, then ${tokens} tokens one by one`);
for (const { label, prefill, decode } of models) {
  const [prefillRate, decodeRate] = [summarise(prefill).median, summarise(decode).median];
  const ratio = (/** @type {number} */ rate, /** @type {number[]} */ of) =>
    `× ${(rate / summarise(of).median).toFixed(1)}`;
  console.log(
    `${label.padEnd(26)} prefill ${prefillRate.toFixed(0).padStart(6)} tok/s ${ratio(prefillRate, base?.prefill ?? [])}` +
      `   decode ${decodeRate.toFixed(0).padStart(6)} tok/s ${ratio(decodeRate, base?.decode ?? [])}`,
  );
}
for (const { model } of models) await model.dispose();
for (const { device } of devices) await device.dispose();
await all.dispose();

/** @param {Float32Array} logits */
function greedy(logits) {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (Number(logits[id]) > Number(logits[best])) best = id;
  return best;
}
