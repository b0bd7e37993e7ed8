/**
 * The trained model: the shipped 8-bit one always, and the bf16 one it was made from where its folder lies beside the
 * checkout. In Node only: these are 26 million parameters on a software adapter.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { perplexity, splitDocuments } from "@blackmamba/eval";
import { BlackMamba, convertWeights } from "@blackmamba/model";
import { readFixture, readJsonFixture, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { modelFolder } from "../index.js";

/** Perplexity of the bf16 model over all documents of `nll.json`, as the reference computed it in float32. */
const REFERENCE_PERPLEXITY = 15.2996;
const BF16_FOLDER = fileURLToPath(new URL("../../../../shared/models/storyteller", import.meta.url));
const hasBf16 = existsSync(BF16_FOLDER);

/** A document: `nll` is the reference's sum over `tokens` predictions, after the start token. */
interface ScoredDocument {
  readonly text: string;
  readonly tokens: number;
  readonly nll: number;
}

/** The perplexity of a model, which has the reference's tokens. */
async function perplexityOf(model: BlackMamba, documents: readonly ScoredDocument[]): Promise<number> {
  const result = await perplexity(
    model,
    documents.map(({ text }) => text),
  );
  expect(result.documents.map(({ tokens }) => tokens)).toEqual(documents.map(({ tokens }) => tokens));
  return result.perplexity;
}

const referencePerplexity = (documents: readonly ScoredDocument[]) =>
  Math.exp(documents.reduce((s, { nll }) => s + nll, 0) / documents.reduce((s, { tokens }) => s + tokens, 0));

/** All documents on the CPU; a software adapter gets the shorter half. */
async function documentsFor(device: string): Promise<ScoredDocument[]> {
  const scores = await readJsonFixture<Omit<ScoredDocument, "text">[]>("storyteller/nll.json");
  const texts = splitDocuments(new TextDecoder().decode(await readFixture("storyteller/documents.txt")));
  expect(texts).toHaveLength(scores.length);
  const documents = scores.map((score, index) => ({ ...score, text: texts[index] as string }));
  return device === "cpu" ? documents : documents.slice(12);
}

describe.each(testDevices())("the storyteller on $label", ({ label, open }) => {
  test("in 8 bit: perplexity at most 1 % above the reference", async () => {
    const documents = await documentsFor(label);
    if (label === "cpu") expect(referencePerplexity(documents)).toBeCloseTo(REFERENCE_PERPLEXITY, 3);
    const model = await BlackMamba.load(modelFolder, { device: await open() });
    expect(await perplexityOf(model, documents)).toBeLessThanOrEqual(1.01 * referencePerplexity(documents));
    await model.dispose();
  }, 900_000);

  test("in 4 bit: perplexity at most 6 % above the reference", async () => {
    const documents = await documentsFor(label);
    const source = hasBf16 ? BF16_FOLDER : modelFolder;
    const model = await BlackMamba.load(source, { device: await open(), quantize: "q4_0" });
    expect(await perplexityOf(model, documents)).toBeLessThanOrEqual(1.06 * referencePerplexity(documents));
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
      expect(Math.abs((await perplexityOf(model, documents)) - referencePerplexity(documents))).toBeLessThanOrEqual(
        1e-3,
      );
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
