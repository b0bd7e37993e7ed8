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
    layout: "blackmamba",
    finalNorm: "layer",
    tied: true,
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
  [{ num_layers: 5000, mamba_moe_layers: Array(5000).fill("r") }, "num_layers: expected a whole number from 1 to 4096"],
  [{ mamba_moe_layers: Array(36).fill("9999") }, "mamba_moe_layers: expected at most 16384 experts, found 359964"],
  [{ mamba_moe_layers: [""] }, 'both as "r8", found ""'],
  [{ routing_mode: "top2" }, 'routing_mode: expected "sinkhorn" or "top1", found "top2"'],
  [{ max_sequence_length: -1 }, "max_sequence_length: expected a whole number from 1 to 16777216, found -1"],
])("%o is refused", (change, message) => {
  expect(() => parseConfig({ ...published, ...change })).toThrow(ModelConfigError);
  expect(() => parseConfig({ ...published, ...change })).toThrow(message);
});

/** As transformers writes that of state-spaces/mamba-130m-hf, shortened. */
const transformers = {
  ...{ architectures: ["MambaForCausalLM"], model_type: "mamba", hidden_act: "silu" },
  ...{ hidden_size: 768, intermediate_size: 1536, expand: 2, num_hidden_layers: 24, state_size: 16, conv_kernel: 4 },
  ...{ time_step_rank: 48, vocab_size: 50280, layer_norm_epsilon: 1e-5, use_bias: false, use_conv_bias: true },
};

test("a Mamba of transformers", () => {
  const { layers, ...sizes } = parseConfig(transformers);
  expect(sizes).toEqual({
    ...{ layout: "transformers", finalNorm: "rms", tied: true },
    ...{ hidden: 768, inner: 1536, state: 16, taps: 4, dtRank: 48, ffn: 0, vocab: 50280 },
    ...{ gating: "sigmoid", gated: false, projectionBias: false, linearBias: false, epsilon: 1e-5 },
    trainedLength: undefined,
  });
  expect(layers).toHaveLength(24);
  expect(layers[23]).toEqual({ entry: "r", mamba: true, experts: 0 });
  const { intermediate_size: _, ...others } = { ...transformers, time_step_rank: "auto", expand: 3 };
  const changed = parseConfig({ ...others, tie_word_embeddings: false, layer_norm_epsilon: 1e-6, use_bias: true });
  expect(changed).toMatchObject({ inner: 2304, dtRank: 48, tied: false, epsilon: 1e-6, projectionBias: true });
});

/** As published for state-spaces/mamba-130m. */
const stateSpaces = {
  ...{ d_model: 768, n_layer: 24, vocab_size: 50277, ssm_cfg: {}, rms_norm: true, residual_in_fp32: true },
  ...{ fused_add_norm: true, pad_vocab_size_multiple: 8 },
};

test("a Mamba of its authors", () => {
  const { layers, ...sizes } = parseConfig(stateSpaces);
  expect(sizes).toEqual({
    ...{ layout: "state-spaces", finalNorm: "rms", tied: true },
    ...{ hidden: 768, inner: 1536, state: 16, taps: 4, dtRank: 48, ffn: 0, vocab: 50280 },
    ...{ gating: "sigmoid", gated: false, projectionBias: false, linearBias: false, epsilon: 1e-5 },
    trainedLength: undefined,
  });
  expect(layers).toHaveLength(24);
  const ssm_cfg = { layer: "Mamba1", d_state: 8, d_conv: 3, expand: 4, dt_rank: 10, bias: true };
  expect(parseConfig({ ...stateSpaces, ssm_cfg, tie_embeddings: false, pad_vocab_size_multiple: 1 })).toMatchObject({
    ...{ state: 8, taps: 3, inner: 3072, dtRank: 10, projectionBias: true, tied: false, vocab: 50277 },
  });
});

test.each([
  [{ ...stateSpaces, ssm_cfg: { layer: "Mamba2" } }, 'config.json: ssm_cfg: layer: expected "Mamba1", found "Mamba2"'],
  [{ ...stateSpaces, ssm_cfg: { d_state: "16" } }, "config.json: ssm_cfg: d_state: expected a whole number"],
  [{ ...stateSpaces, ssm_cfg: [16] }, "config.json: ssm_cfg: expected an object, found [16]"],
  [{ ...stateSpaces, rms_norm: false }, "rms_norm: expected true, found false; such models are not supported"],
  [{ ...stateSpaces, n_layer: 5000 }, "n_layer: expected a whole number from 1 to 4096, found 5000"],
  [
    { ...transformers, state_size: Array(1000).fill(1) },
    "state_size: expected a whole number from 1 to 16777216, found a list",
  ],
  [{ ...stateSpaces, n_layer: undefined }, "config.json: mamba_moe_layers is missing"],
  [{ ...transformers, hidden_act: "gelu" }, 'hidden_act: expected "silu", found "gelu"'],
  [{ ...transformers, use_conv_bias: false }, "use_conv_bias: expected true, found false"],
  [{ ...transformers, layer_norm_epsilon: -1 }, "layer_norm_epsilon: expected a number between 0 and 1, found -1"],
  [{ ...transformers, model_type: "falcon_mamba" }, 'found model_type "falcon_mamba"; is this another model\'s'],
  [JSON.parse('{"__proto__": {"mamba_moe_layers": ["r"]}}'), "mamba_moe_layers is missing"],
])("%o is refused", (json, message) => {
  expect(() => parseConfig(json)).toThrow(ModelConfigError);
  expect(() => parseConfig(json)).toThrow(message);
});

/** JSON of arrays in arrays. */
const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));

test.each([
  ["a size", { ...transformers, hidden_size: nested(100_000) }],
  ["what is supported", { ...transformers, hidden_act: nested(100_000) }],
  ["an object", { ...stateSpaces, ssm_cfg: nested(100_000) }],
  ["a layer", { ...published, mamba_moe_layers: nested(100_000) }],
])("a value for %s that is nested too deep to be written is refused", (_, json) => {
  expect(() => parseConfig(json)).toThrow(ModelConfigError);
});

test.each([null, [], "text", 3])("%o is no configuration", (json) => {
  expect(() => parseConfig(json, "a/config.json")).toThrow("a/config.json: expected a JSON object");
});
