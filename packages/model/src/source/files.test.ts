/** Models whose files are at hand, as a page has them. */
import { createCpuDevice } from "@blackmamba/tensor";
import { readFixture } from "@blackmamba/testing";
import { expect, test } from "vitest";
import { BlackMamba } from "../blackmamba.ts";
import { ModelFileError } from "../errors.ts";
import { text } from "../testing/golden.ts";
import type { ModelSource } from "./open-model.ts";

const ids = text(12).map((id) => id % 300);

async function logitsOf(source: ModelSource): Promise<Float32Array> {
  const device = createCpuDevice();
  try {
    const model = await BlackMamba.load(source, { device });
    return await model.logits(ids);
  } finally {
    await device.dispose();
  }
}

const golden = async (file: string, name = file.replace(/^.*\//, "")) =>
  new File([(await readFixture(`golden/${file}`)) as Uint8Array<ArrayBuffer>], name);

test("files are taken by their names, in any order, whatever the weights are called", async () => {
  const [config, weights] = [await golden("blackmamba/config.json"), await golden("blackmamba/pytorch_model.bin")];
  const expected = await logitsOf({ config, weights });
  const other = await golden("blackmamba/pytorch_model.bin", "blackmamba-small.BIN");
  const readme = new File(["# A model"], "README.md");
  for (const files of [
    [weights, config],
    [other, readme, config],
  ]) {
    expect(await logitsOf(files)).toEqual(expected);
  }
});

test("a model that is in several files comes with their index", async () => {
  const shards = [1, 2, 3].map((shard) => `model-0000${shard}-of-00003.safetensors`);
  const names = ["config.json", "model.safetensors.index.json", ...shards];
  const files = await Promise.all(names.map((name) => golden(`mamba-hf-sharded/${name}`)));
  expect(await logitsOf(files)).toHaveLength(12 * 320);
  await expect(logitsOf(files.slice(0, -1))).rejects.toThrow(/1 of 3 files are missing: model-00003-of-00003/);
});

test("what is missing, twice there or no file is said", async () => {
  const weights = await golden("blackmamba/pytorch_model.bin");
  await expect(logitsOf(weights)).rejects.toThrow(/config\.json is missing.*found pytorch_model\.bin/);
  await expect(logitsOf([weights, weights])).rejects.toThrow(/pytorch_model\.bin: .* two of this name/);
  await expect(logitsOf([])).rejects.toThrow(/found a list without files/);
  await expect(logitsOf(["a"] as never)).rejects.toThrow(ModelFileError);
});
