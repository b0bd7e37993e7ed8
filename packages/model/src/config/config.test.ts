import { expect, test } from "vitest";
import { ModelConfigError } from "../errors.ts";
import { parseConfig } from "./config.ts";

/** As published for BlackMamba-2.8B. */
const published = {
  num_layers: 36,
  hidden_size: 1472,
  state_size: 16,
  conv_dimension: 4,
  vocab_size: 50304,
  expansion_factor: 2,
  mamba_moe_layers: Array.from({ length: 18 }, () => ["r", "8"]).flat(),
  ffn_hidden_size: 3872,
  bias: false,
  add_bias_linear: false,
  swiglu: true,
  max_sequence_length: 2048,
};

test("the published configuration", () => {
  const { layers, ...sizes } = parseConfig(published);
  expect(sizes).toEqual({
    hidden: 1472,
    inner: 2944,
    state: 16,
    taps: 4,
    dtRank: 92,
    ffn: 3872,
    vocab: 50304,
    gating: "sigmoid",
    gated: true,
    projectionBias: false,
    linearBias: false,
    epsilon: 1e-5,
    trainedLength: 2048,
  });
  expect(layers).toHaveLength(36);
  expect(layers[0]).toEqual({ entry: "r", mamba: true, experts: 0 });
  expect(layers[1]).toEqual({ entry: "8", mamba: false, experts: 8 });
});

test("every kind of layer, and routing", () => {
  const kinds = { ...published, num_layers: 5, mamba_moe_layers: ["r", "1", "r1", "r16", "16"], routing_mode: "top1" };
  const { layers, gating } = parseConfig(kinds);
  expect(layers.map(({ mamba, experts }) => [mamba, experts])).toEqual([
    [true, 0],
    [false, 1],
    [true, 1],
    [true, 16],
    [false, 16],
  ]);
  expect(gating).toBe("softmax");
  expect(parseConfig({ ...published, routing_mode: "sinkhorn" }).gating).toBe("sigmoid");
});

test.each([
  [{ hidden_size: undefined }, "config.json: hidden_size: expected a whole number from 1 to 16777216, found nothing"],
  [{ hidden_size: "1152" }, 'hidden_size: expected a whole number from 1 to 16777216, found "1152"'],
  [{ state_size: 0 }, "state_size: expected a whole number from 1 to 16777216, found 0"],
  [{ conv_dimension: 2.5 }, "conv_dimension: expected a whole number from 1 to 16777216, found 2.5"],
  [{ vocab_size: 1e12 }, "vocab_size: expected a whole number from 1 to 16777216, found 1000000000000"],
  [{ swiglu: "yes" }, 'swiglu: expected true or false, found "yes"'],
  [{ add_bias_linear: undefined }, "add_bias_linear: expected true or false, found nothing"],
  [{ num_layers: 35 }, "num_layers is 35, but mamba_moe_layers has 36 entries; they must agree"],
  [{ mamba_moe_layers: undefined }, "mamba_moe_layers is missing"],
  [{ mamba_moe_layers: [] }, "mamba_moe_layers: expected a list of layers, found []"],
  [{ mamba_moe_layers: ["r", "x"] }, 'config.json: mamba_moe_layers[1]: expected "r", a number of experts such as "8"'],
  [{ mamba_moe_layers: ["r", "0"] }, 'both as "r8", found "0"'],
  [{ mamba_moe_layers: ["r", 8] }, 'both as "r8", found 8'],
  [{ mamba_moe_layers: [""] }, 'both as "r8", found ""'],
  [{ routing_mode: "top2" }, 'routing_mode: expected "sinkhorn" or "top1", found "top2"'],
  [{ max_sequence_length: -1 }, "max_sequence_length: expected a whole number from 1 to 16777216, found -1"],
])("%o is refused", (change, message) => {
  expect(() => parseConfig({ ...published, ...change })).toThrow(ModelConfigError);
  expect(() => parseConfig({ ...published, ...change })).toThrow(message);
});

test.each([null, [], "text", 3])("%o is no configuration", (json) => {
  expect(() => parseConfig(json, "a/config.json")).toThrow("a/config.json: expected a JSON object");
});
