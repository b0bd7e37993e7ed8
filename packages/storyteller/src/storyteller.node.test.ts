/**
 * The trained model: the shipped 8-bit one always, and the bf16 one it was made from where its folder lies beside the
 * checkout. In Node only: these are 26 million parameters on a software adapter.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlackMamba, convertWeights } from "@blackmamba/model";
import { readJsonFixture, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { modelFolder } from "../index.js";

/** Perplexity of the bf16 model over all documents of `nll.json`, as the reference computed it in float32. */
const REFERENCE_PERPLEXITY = 15.2996;
const BF16_FOLDER = fileURLToPath(new URL("../../../../shared/models/storyteller", import.meta.url));
const hasBf16 = existsSync(BF16_FOLDER);

/** A document: `nll` is the reference's sum over `tokens` predictions, after the start token, of the first 511 ids. */
interface ScoredDocument {
  readonly text: string;
  readonly tokens: number;
  readonly nll: number;
}

async function negativeLogLikelihood(model: BlackMamba, { text, tokens }: ScoredDocument): Promise<number> {
  const ids = model.tokenizer?.encodePrompt(text).slice(0, 512) ?? [];
  expect(ids).toHaveLength(tokens + 1);
  const { vocab } = model.config;
  const logits = await model.logits(ids);
  let sum = 0;
  for (let t = 0; t + 1 < ids.length; t++) {
    const row = logits.subarray(t * vocab, (t + 1) * vocab);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const total = row.reduce((all, logit) => all + Math.exp(logit - largest), 0);
    sum += largest + Math.log(total) - Number(row[Number(ids[t + 1])]);
  }
  return sum;
}

async function perplexity(model: BlackMamba, documents: readonly ScoredDocument[]): Promise<number> {
  let [sum, count] = [0, 0];
  for (const document of documents) {
    sum += await negativeLogLikelihood(model, document);
    count += document.tokens;
  }
  return Math.exp(sum / count);
}

const referencePerplexity = (documents: readonly ScoredDocument[]) =>
  Math.exp(documents.reduce((s, { nll }) => s + nll, 0) / documents.reduce((s, { tokens }) => s + tokens, 0));

/** All documents on the CPU; a software adapter gets the shorter half. */
async function documentsFor(device: string): Promise<ScoredDocument[]> {
  const documents = await readJsonFixture<ScoredDocument[]>("storyteller/nll.json");
  return device === "cpu" ? documents : documents.slice(12);
}

describe.each(testDevices())("the storyteller on $label", ({ label, open }) => {
  test("in 8 bit: perplexity at most 1 % above the reference", async () => {
    const documents = await documentsFor(label);
    if (label === "cpu") expect(referencePerplexity(documents)).toBeCloseTo(REFERENCE_PERPLEXITY, 3);
    const model = await BlackMamba.load(modelFolder, { device: await open() });
    expect(await perplexity(model, documents)).toBeLessThanOrEqual(1.01 * referencePerplexity(documents));
    await model.dispose();
  }, 900_000);

  test("in 4 bit: perplexity at most 6 % above the reference", async () => {
    const documents = await documentsFor(label);
    const source = hasBf16 ? BF16_FOLDER : modelFolder;
    const model = await BlackMamba.load(source, { device: await open(), quantize: "q4_0" });
    expect(await perplexity(model, documents)).toBeLessThanOrEqual(1.06 * referencePerplexity(documents));
    await model.dispose();
  }, 900_000);

  test("in 8 bit: writes a story", async () => {
    const model = await BlackMamba.load(modelFolder, { device: await open() });
    let text = "";
    for await (const piece of model.generate("The dog was", { maxTokens: 8 })) text += piece.text;
    expect(text).toMatch(/^ very \w+\./);
    await model.dispose();
  });

  test.runIf(hasBf16)(
    "in bf16: the reference's greedy text, token for token",
    async () => {
      const model = await BlackMamba.load(BF16_FOLDER, { device: await open() });
      const stories =
        await readJsonFixture<{ prompt: string; ids: number[]; text: string }[]>("storyteller/greedy.json");
      for (const story of stories) {
        const ids = model.tokenizer?.encodePrompt(story.prompt) ?? [];
        let text = story.prompt;
        for await (const token of model.generate(story.prompt, { maxTokens: story.ids.length - ids.length })) {
          ids.push(token.id);
          text += token.text;
        }
        expect(ids).toEqual(story.ids);
        expect(text).toBe(story.text);
      }
      await model.dispose();
    },
    300_000,
  );

  test.runIf(hasBf16)(
    "in bf16: the reference's perplexity within 1e-3",
    async () => {
      const documents = await documentsFor(label);
      const model = await BlackMamba.load(BF16_FOLDER, { device: await open() });
      expect(Math.abs((await perplexity(model, documents)) - referencePerplexity(documents))).toBeLessThanOrEqual(1e-3);
      await model.dispose();
    },
    900_000,
  );
});

test.runIf(hasBf16)("what is shipped is the bf16 model, converted", async () => {
  const pieces: Uint8Array[] = [];
  const sink = { write: async (bytes: Uint8Array) => void pieces.push(bytes.slice()), close: async () => {} };
  await convertWeights(BF16_FOLDER, { ...sink, abort: sink.close }, { quantize: "q8_0" });
  const shipped = await readFile(join(modelFolder, "model.safetensors"));
  expect(shipped.equals(Buffer.concat(pieces))).toBe(true);
});
