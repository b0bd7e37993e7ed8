import { describe, expect, test } from "vitest";
import { parseConfig } from "../config/config.ts";
import { promptCapacities } from "./prompt-capacities.ts";
import { scratchByteLength } from "./scratch.ts";

const GPU = { software: false };

const published = (layers: number, hidden: number, ffn: number, entries = ["r", "8"]) =>
  parseConfig({
    num_layers: layers,
    hidden_size: hidden,
    state_size: 16,
    conv_dimension: 4,
    expansion_factor: 2,
    vocab_size: 50304,
    ffn_hidden_size: ffn,
    mamba_moe_layers: Array.from({ length: layers }, (_, layer) => entries[layer % entries.length]),
    bias: false,
    add_bias_linear: false,
    swiglu: true,
  });

const [small, large] = [published(30, 1152, 3072), published(36, 1472, 3872)];

test("prompts of the published models are computed 1,024 tokens at a time, in less than 62 MiB", () => {
  for (const config of [small, large]) {
    const capacities = promptCapacities(config, GPU);
    expect(capacities).toEqual([64, 256, 1024]);
    const byteLength = capacities.reduce((sum, tokens) => sum + scratchByteLength(config, tokens, "sequence"), 0);
    expect(byteLength).toBeLessThan(62 << 20);
  }
});

test("bytes for each token are those of the residual stream and the larger mixer", () => {
  // One number per token says which expert it takes a place for: it has no counterpart in the Mamba layers.
  const perToken = ({ hidden, inner, dtRank, state }: typeof small) =>
    4 * (2 + 2 * hidden + 3 * inner + dtRank + 2 * state);
  for (const [config, bytes] of [
    [small, 37_288],
    [large, 47_608],
  ] as const) {
    expect(perToken(config)).toBe(bytes);
    expect(scratchByteLength(config, 1024, "sequence") - scratchByteLength(config, 512, "sequence")).toBe(512 * bytes);
  }
});

describe("chunks are smaller", () => {
  test("where tokens take more memory", () => {
    expect(promptCapacities(published(2, 1472, 3872, ["r8"]), GPU).at(-1)).toBe(512);
    expect(promptCapacities(published(2, 8192, 22_000), GPU)).toEqual([64, 128]);
  });

  test("on a processor", () => {
    expect(promptCapacities(large, { software: true })).toEqual([256]);
  });
});
