/**
 * A model in several files, as a folder.
 */
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlackMamba, describeModel, ModelFileError } from "@blackmamba/model";
import { afterEach, beforeEach, expect, test } from "vitest";

const GOLDEN = fileURLToPath(new URL("../../../fixtures/golden/mamba-hf-sharded", import.meta.url));
const INDEX = "model.safetensors.index.json";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shards-"));
  for (const name of await readdir(GOLDEN)) await copyFile(join(GOLDEN, name), join(folder, name));
});

afterEach(() => rm(folder, { recursive: true }));

test("is found by its index", async () => {
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
