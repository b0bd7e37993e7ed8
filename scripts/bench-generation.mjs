/**
 * `npm run bench:generation -- [--model FOLDER] [--device cpu|webgpu] [--prompts N] [--tokens N] [--batch N] [--documents FILE]
 * [--json]`: what states, batches and drafts bring.
 * How much less a prompt takes that goes on from an earlier one, how fast texts are that decode together, and how fast with drafts; by
 * default of the storyteller. It ends with 1 where a text is not the same as without.
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { BlackMamba } from "@blackmamba/model";
import { modelFolder } from "@blackmamba/storyteller";

/** Of the prompt that comes again, and of what is new. */
const [PROMPT_TOKENS, NEW_TOKENS] = [2000, 20];

const { values } = parseArgs({
  options: {
    model: { type: "string", default: modelFolder },
    documents: { type: "string" },
    device: { type: "string", default: "cpu" },
    prompts: { type: "string", default: "100" },
    tokens: { type: "string", default: "48" },
    batch: { type: "string", default: "32" },
    json: { type: "boolean", default: false },
  },
});
/** @param {"prompts" | "tokens" | "batch"} name */
const countOf = (name) => {
  const count = Number(values[name]);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new Error(`--${name}: expected a whole number of at least 1, found ${values[name]}`);
};
const [prompts, maxTokens, batchSize] = [countOf("prompts"), countOf("tokens"), countOf("batch")];
if (values.device !== "cpu" && values.device !== "webgpu") {
  throw new Error(`--device: expected cpu or webgpu, found ${values.device}`);
}

const model = await BlackMamba.load(values.model, { device: values.device });
const file = values.documents ?? new URL("../fixtures/storyteller/documents.txt", import.meta.url);
const { tokenizer } = model;
if (!tokenizer) throw new Error(`${values.model}: expected a model with a tokenizer`);
const ids = tokenizer.encode(await readFile(file, "utf8"));
/** @param {number} start @param {number} count @returns {number[]} */
const slice = (start, count) => Array.from({ length: count }, (_, i) => Number(ids[(start + i) % ids.length]));

/**
 * @param {ArrayLike<number>} prompt
 * @param {import("@blackmamba/model").GenerateOptions} options
 */
async function generate(prompt, options) {
  const begun = performance.now();
  const told = [];
  const tokens = model.generate(prompt, options);
  let firstMs = 0;
  for (;;) {
    const { done, value } = await tokens.next();
    if (done) return { ids: told, firstMs, ms: performance.now() - begun, draft: value.draft };
    if (told.push(value.id) === 1) firstMs = performance.now() - begun;
  }
}

/** @param {readonly number[]} numbers */
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

async function measurePrefixCache() {
  const cache = model.createPrefixCache();
  const without = [];
  const withCache = [];
  let isSame = true;
  for (let run = 0; run < 5; run++) {
    const prompt = slice(run * 37, PROMPT_TOKENS);
    await generate(prompt, { maxTokens: 1, cache });
    const longer = [...prompt, ...slice(run * 91 + 5, NEW_TOKENS)];
    const plain = await generate(longer, { maxTokens: 16 });
    const cached = await generate(longer, { maxTokens: 16, cache });
    without.push(plain.firstMs);
    withCache.push(cached.firstMs);
    isSame &&= plain.ids.join() === cached.ids.join();
  }
  await cache.dispose();
  const [withoutMs, withCacheMs] = [median(without), median(withCache)];
  return { withoutMs, withCacheMs, ratio: withoutMs / withCacheMs, isSame };
}

async function measureBatch() {
  const all = Array.from({ length: batchSize }, (_, i) => slice(i * 101, 16));
  for await (const _ of model.generateBatch(all, { maxTokens: 2, batchSize }));
  const begun = performance.now();
  let tokens = 0;
  for await (const _ of model.generateBatch(all, { maxTokens, batchSize })) tokens += 1;
  const together = (tokens / (performance.now() - begun)) * 1000;
  const alone = [];
  for (const prompt of all.slice(0, 4)) alone.push(await generate(prompt, { maxTokens }));
  const one =
    (alone.reduce((sum, own) => sum + own.ids.length, 0) / alone.reduce((sum, own) => sum + own.ms, 0)) * 1000;
  return { batchSize, tokensPerSecond: together, tokensPerSecondAlone: one, ratio: together / one };
}

/** @param {import("@blackmamba/model").DraftOptions} draft */
async function measureDrafts(draft) {
  let [same, proposed, accepted, plainMs, draftMs] = [0, 0, 0, 0, 0];
  for (let index = 0; index < prompts; index++) {
    const prompt = slice(index * 131, 24);
    const plain = await generate(prompt, { maxTokens });
    const drafted = await generate(prompt, { maxTokens, draft });
    if (plain.ids.join() === drafted.ids.join()) same += 1;
    proposed += drafted.draft?.proposed ?? 0;
    accepted += drafted.draft?.accepted ?? 0;
    plainMs += plain.ms;
    draftMs += drafted.ms;
  }
  return { prompts, same, acceptance: accepted / Math.max(1, proposed), speedup: plainMs / draftMs };
}

// What is made once is not to be counted.
await generate(slice(0, PROMPT_TOKENS), { maxTokens: 4 });
for (const draft of [{ lookup: /** @type {const} */ (true) }, { model, tokens: 4 }]) {
  await generate(slice(0, 24), { maxTokens: 32, draft });
}
const smaller = await BlackMamba.load(values.model, { device: model.device, quantize: "q4_0" });
const report = {
  device: `${model.device.kind} ${model.device.name}`,
  prefixCache: await measurePrefixCache(),
  batch: await measureBatch(),
  drafts: {
    lookup: await measureDrafts({ lookup: true }),
    "its own q4_0, 4 tokens": await measureDrafts({ model: smaller, tokens: 4 }),
  },
};
await smaller.dispose();
await model.dispose();

if (values.json) {
  console.log(JSON.stringify(report, null, 2));
} else {
  const { prefixCache, batch, drafts } = report;
  const ms = (/** @type {number} */ value) => `${value.toFixed(1)} ms`;
  console.log(`${report.device}
a prompt of ${PROMPT_TOKENS} tokens again, with ${NEW_TOKENS} new ones, to the first token: ${ms(prefixCache.withoutMs)}, with a prefix cache ${ms(prefixCache.withCacheMs)}: ${prefixCache.ratio.toFixed(1)} times less
${batch.batchSize} texts together: ${batch.tokensPerSecond.toFixed(0)} tok/s, one alone ${batch.tokensPerSecondAlone.toFixed(0)}: ${batch.ratio.toFixed(1)} times`);
  for (const [name, { prompts: count, same, acceptance, speedup }] of Object.entries(drafts)) {
    console.log(
      `drafts by ${name}: ${same} of ${count} texts the same, ${(100 * acceptance).toFixed(0)} % accepted, ${speedup.toFixed(2)} times as fast`,
    );
  }
}
const isSame =
  report.prefixCache.isSame && Object.values(report.drafts).every(({ prompts: count, same }) => same === count);
process.exitCode = isSame ? 0 : 1;
