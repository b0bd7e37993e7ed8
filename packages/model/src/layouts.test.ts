/**
 * Plain Mambas: the layouts of transformers and of state-spaces, in several files and in one, against what transformers
 * computed in float32.
 */
import { decodeTensor, openShards, tensorFromBytes, writeSafetensors } from "@blackmamba/checkpoint";
import { expectClose, readFixture, readJsonFixture, rowArgmax, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { describeModel } from "./describe.ts";
import type { ModelParts } from "./source/open-model.ts";
import { GoldenValues } from "./testing/golden.ts";
import { memorySink } from "./testing/memory-sink.ts";

const NAME = "mamba-hf-sharded";
const SHARDS = [1, 2, 3].map((shard) => `model-0000${shard}-of-00003.safetensors`);
const TOLERANCE = 2e-5;

const shards = () =>
  Promise.all(SHARDS.map(async (name) => new File([(await readFixture(`golden/${NAME}/${name}`)) as BlobPart], name)));

async function goldenShards(): Promise<ModelParts> {
  const [config, weightsIndex, weights] = await Promise.all([
    readFixture(`golden/${NAME}/config.json`),
    readFixture(`golden/${NAME}/model.safetensors.index.json`),
    shards(),
  ]);
  return { config, weights, weightsIndex };
}

/** A change of the golden checkpoint: other names, and other tensors. */
type Change = (name: string, values: Float32Array) => readonly (readonly [name: string, values: Float32Array])[];

/** The golden checkpoint as one file with other names, or other tensors. */
async function rewritten(config: object, change: Change): Promise<ModelParts> {
  const checkpoint = await openShards(await shards());
  const tensors = [];
  for (const tensor of checkpoint.tensors.values()) {
    for (const [name, values] of change(tensor.name, await decodeTensor(tensor))) {
      tensors.push(tensorFromBytes({ name, dtype: "f32", shape: tensor.shape }, new Uint8Array(values.buffer)));
    }
  }
  const sink = memorySink();
  await writeSafetensors(tensors, sink);
  return { config, weights: sink.blob() };
}

const STATE_SPACES = {
  ...{ d_model: 64, n_layer: 3, vocab_size: 317, pad_vocab_size_multiple: 8, rms_norm: true },
  ssm_cfg: {},
};

const asStateSpaces = (name: string) => name.replace("backbone.embeddings", "backbone.embedding");

describe.each(testDevices())("a plain Mamba on $label", ({ open }) => {
  test("in three files: logits, one by one and together, and the greedy text", async () => {
    const golden = await GoldenValues.read(NAME);
    const [ids, greedy] = [await golden.ids(), await golden.ids("greedy_ids")];
    const model = await BlackMamba.load(await goldenShards(), { device: await open() });
    const logits = await model.logits(ids);
    const expected = await golden.floats("logits");
    expectClose(logits, expected, TOLERANCE, "of the logits");
    expect(rowArgmax(logits, model.config.vocab)).toEqual(rowArgmax(expected, model.config.vocab));

    const state = model.createState();
    const stepped: number[] = [];
    for (const id of ids) stepped.push(...(await state.advance([id])));
    expectClose(stepped, expected, TOLERANCE, "of the stepped logits");

    // The reference continued the first nine ids.
    const prompt = ids.slice(0, 9);
    const generated: number[] = [];
    for await (const { id } of model.generate(prompt, { maxTokens: greedy.length - prompt.length })) generated.push(id);
    expect([...prompt, ...generated]).toEqual(greedy);
    await model.dispose();
  });

  test("under state-spaces' names, with a copy of the embedding: the same, bit for bit", async () => {
    const device = await open();
    const ids = Array.from({ length: 20 }, (_, t) => (t * 37) % 320);
    const one = await BlackMamba.load(await goldenShards(), { device });
    const parts = await rewritten(STATE_SPACES, (name, values) =>
      name === "backbone.embeddings.weight"
        ? [
            [asStateSpaces(name), values],
            ["lm_head.weight", values],
          ]
        : [[asStateSpaces(name), values]],
    );
    const other = await BlackMamba.load(parts, { device });
    expect(other.config).toMatchObject({ layout: "state-spaces", vocab: 320 });
    expect(await other.logits(ids)).toEqual(await one.logits(ids));
    expect(other.parameters).toEqual(one.parameters);
    await one.dispose();
    await other.dispose();
  });

  test("an output layer of its own", async () => {
    const device = await open();
    const ids = [5, 1, 319, 0];
    const config = await readJsonFixture<object>(`golden/${NAME}/config.json`);
    const tied = await BlackMamba.load(await goldenShards(), { device });
    const parts = await rewritten({ ...config, tie_word_embeddings: false }, (name, values) =>
      name === "backbone.embeddings.weight"
        ? [
            [name, values],
            ["lm_head.weight", values.map((value) => -2 * value)],
          ]
        : [[name, values]],
    );
    const untied = await BlackMamba.load(parts, { device });
    expect(await untied.logits(ids)).toEqual((await tied.logits(ids)).map((logit) => -2 * logit));
    expect(untied.parameters.total).toBe(tied.parameters.total + 320 * 64);
    // A token takes one row of an embedding that is nothing else.
    expect(untied.parameters.active).toBe(tied.parameters.active + 64);
    await tied.dispose();
    await untied.dispose();
  });
});

test("a MambaByte has bytes for a tokenizer", async () => {
  const model = await BlackMamba.load(await byteModel(), { device: "cpu" });
  expect(model.tokenizer?.encode("ü")).toEqual([0xc3, 0xbc]);
  let text = "";
  const ids: number[] = [];
  for await (const token of model.generate("Once", { maxTokens: 5 })) {
    text += token.text;
    ids.push(token.id);
  }
  expect(ids).toHaveLength(5);
  expect(text).toBe(model.tokenizer?.decode(ids));
  await model.dispose();
});

/** The golden model with the first 256 rows of its embedding. */
async function byteModel(): Promise<ModelParts> {
  const checkpoint = await openShards(await shards());
  const tensors = [];
  for (const tensor of checkpoint.tensors.values()) {
    const isEmbedding = tensor.name === "backbone.embeddings.weight";
    const values = await decodeTensor(tensor);
    const info = { dtype: "f32" as const, shape: isEmbedding ? [256, 64] : tensor.shape };
    const bytes = new Uint8Array((isEmbedding ? values.slice(0, 256 * 64) : values).buffer);
    tensors.push(tensorFromBytes({ ...info, name: asStateSpaces(tensor.name) }, bytes));
  }
  const sink = memorySink();
  await writeSafetensors(tensors, sink);
  return { config: { ...STATE_SPACES, vocab_size: 256 }, weights: sink.blob() };
}

test("a configuration and files that do not belong together", async () => {
  const parts = await goldenShards();
  const [first, second] = parts.weights as File[];
  await expect(describeModel({ ...parts, weights: [first, second] as File[] })).rejects.toThrow(
    "model-00003-of-00003.safetensors, which is not among the files",
  );
  await expect(
    describeModel({ ...parts, weights: [first, second] as File[], weightsIndex: undefined }),
  ).rejects.toThrow('there is no tensor "backbone.norm_f.weight"');
  await expect(describeModel({ ...parts, config: STATE_SPACES })).rejects.toThrow(
    'there is no tensor "backbone.embedding.weight"',
  );
  const untied = { ...(JSON.parse(new TextDecoder().decode(parts.config as Uint8Array)) as object) };
  await expect(describeModel({ ...parts, config: { ...untied, tie_word_embeddings: false } })).rejects.toThrow(
    'there is no tensor "lm_head.weight"',
  );
});
