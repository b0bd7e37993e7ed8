import { openCheckpoint } from "@blackmamba/checkpoint";
import { expect, test } from "vitest";
import { parseConfig } from "../config/config.ts";
import { GOLDEN_NAMES, goldenParts } from "../testing/golden.ts";
import { storedTensors } from "./stored-tensors.ts";

test.each(GOLDEN_NAMES)("%s: the names and shapes of its checkpoint", async (name) => {
  const { config, weights } = await goldenParts(name);
  const checkpoint = await openCheckpoint(weights as Blob);
  const expected = [...checkpoint.tensors.values()].map(({ name, shape }) => [name, shape]);
  const json = JSON.parse(new TextDecoder().decode(config as Uint8Array));
  const found = storedTensors(parseConfig(json, "config.json")).map(({ name, shape }) => [name, shape]);
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
  expect(found).toHaveLength(expected.length);
  expect(found[0]?.[0]).toBe("embedding.word_embeddings.weight");
});
