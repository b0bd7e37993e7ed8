/**
 * How a model's files are found: several weights' files by their index, one GGUF file, by folder or by path.
 */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlackMamba, describeModel, ModelFileError } from "@blackmamba/model";
import { type GgufTensor, ggufFile } from "@blackmamba/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const GOLDEN = fileURLToPath(new URL("../../../fixtures/golden/mamba-hf-sharded", import.meta.url));
const INDEX = "model.safetensors.index.json";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shards-"));
  for (const name of await readdir(GOLDEN)) await copyFile(join(GOLDEN, name), join(folder, name));
});

afterEach(() => rm(folder, { recursive: true }));

test("several files are found by their index", async () => {
  const description = await describeModel(folder);
  expect(description).toMatchObject({
    ...{ parameters: { total: 118_656, active: 118_656 }, dtypes: { f32: 32 }, hasTokenizer: false },
    weightsName: join(folder, INDEX),
  });
  expect(description.layers.map(({ description }) => description)).toEqual(["Mamba", "Mamba", "Mamba"]);
  const model = await BlackMamba.load(folder, { device: "cpu", quantize: "q8_0" });
  expect(await model.logits([1, 2, 3])).toHaveLength(3 * 320);
  await model.dispose();
});

test("a file that is missing is named", async () => {
  await rm(join(folder, "model-00002-of-00003.safetensors"));
  await expect(describeModel(folder)).rejects.toThrow(ModelFileError);
  await expect(describeModel(folder)).rejects.toThrow(
    "1 of 3 files are missing: model-00002-of-00003.safetensors; download them",
  );
});

test("no index reaches out of its folder", async () => {
  const map = { weight_map: { "backbone.norm_f.weight": "../model-00003-of-00003.safetensors" } };
  await writeFile(join(folder, INDEX), JSON.stringify(map));
  await expect(describeModel(folder)).rejects.toThrow("expected a file's name without a path");
  await writeFile(join(folder, INDEX), "no JSON");
  await expect(describeModel(folder)).rejects.toThrow(`${INDEX}: expected JSON`);
});

/** A GGUF file of the smallest Mamba there is, all zeros. */
function smallestGguf(): Uint8Array {
  const tensor = (name: string, ...shape: number[]): GgufTensor => ({
    ...{ name, type: 0, sizes: [...shape].reverse() },
    bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b)),
  });
  return ggufFile({
    values: {
      ...{ "general.architecture": [8, "mamba"], "mamba.block_count": [4, 1], "mamba.embedding_length": [4, 4] },
      ...{ "mamba.ssm.inner_size": [4, 8], "mamba.ssm.state_size": [4, 2], "mamba.ssm.conv_kernel": [4, 4] },
      "mamba.ssm.time_step_rank": [4, 1],
    },
    tensors: [
      ...[tensor("token_embd.weight", 10, 4), tensor("output_norm.weight", 4), tensor("blk.0.attn_norm.weight", 4)],
      ...[
        tensor("blk.0.ssm_in.weight", 16, 4),
        tensor("blk.0.ssm_conv1d.weight", 8, 4),
        tensor("blk.0.ssm_conv1d.bias", 8),
      ],
      ...[tensor("blk.0.ssm_x.weight", 5, 8), tensor("blk.0.ssm_dt.weight", 8, 1), tensor("blk.0.ssm_dt.bias", 8)],
      ...[tensor("blk.0.ssm_a", 8, 2), tensor("blk.0.ssm_d", 8), tensor("blk.0.ssm_out.weight", 4, 8)],
    ],
  });
}

test("a GGUF file needs nothing beside it, and is found in a folder or by its path", async () => {
  for (const name of await readdir(folder)) await rm(join(folder, name));
  await writeFile(join(folder, "small.gguf"), smallestGguf());
  for (const path of [folder, `${folder}/`, join(folder, "small.gguf")]) {
    const model = await BlackMamba.load(path, { device: "cpu" });
    expect(model.config).toMatchObject({ layout: "gguf", hidden: 4, vocab: 10, finalNorm: "rms", tied: true });
    expect(await model.logits([3])).toEqual(new Float32Array(10));
    await model.dispose();
  }
  await writeFile(join(folder, "other.gguf"), smallestGguf());
  await expect(describeModel(folder)).rejects.toThrow("found other.gguf, small.gguf; give the folder that holds");
  expect((await describeModel(join(folder, "other.gguf"))).parameters.total).toBe(264);
});

test("a weights' file by its path, with the others beside it", async () => {
  const shard = join(folder, "model-00001-of-00003.safetensors");
  await expect(describeModel(shard)).rejects.toThrow('there is no tensor "backbone.norm_f.weight"');
  expect((await describeModel(join(folder, INDEX))).parameters.total).toBe(118_656);
  await rm(join(folder, "config.json"));
  await expect(describeModel(shard)).rejects.toThrow("config.json is missing");
  await expect(describeModel({ weights: await readFile(shard) })).rejects.toThrow(
    "weights: expected config.json beside it, found none",
  );
});
