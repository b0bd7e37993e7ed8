/**
 * Every kind of layer, both routing modes, biases, gates, dtypes, and sizes that divide nothing, against the plain model.
 */
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { type PlainConfig, plainLogits } from "./testing/plain-model.ts";
import { randomModel } from "./testing/random-model.ts";

const base: PlainConfig = {
  num_layers: 5,
  hidden_size: 72,
  state_size: 8,
  conv_dimension: 3,
  vocab_size: 301,
  expansion_factor: 2,
  mamba_moe_layers: ["r", "3", "r1", "1", "r3"],
  ffn_hidden_size: 100,
  bias: false,
  add_bias_linear: false,
  swiglu: true,
};

interface Configuration {
  readonly name: string;
  readonly dtype: "f32" | "f16" | "bf16";
  readonly config: PlainConfig;
  /** Names of weights that the checkpoint lacks. */
  readonly without?: RegExp;
}

const configurations: Configuration[] = [
  ...(["f32", "f16", "bf16"] as const).flatMap((dtype) => [
    { name: "plain", dtype, config: base },
    {
      name: "biases, not gated, softmax",
      dtype,
      config: { ...base, bias: true, add_bias_linear: true, swiglu: false, routing_mode: "top1" },
    },
  ]),
  { name: "biases, gated", dtype: "bf16", config: { ...base, bias: true, add_bias_linear: true } },
  { name: "biases of the projections only", dtype: "bf16", config: { ...base, bias: true } },
  { name: "biases everywhere, with the flag bias unset", dtype: "bf16", config: { ...base, add_bias_linear: true } },
  {
    name: "biases of the experts only",
    dtype: "bf16",
    config: { ...base, add_bias_linear: true },
    without: /(in|out)_proj\.bias$/,
  },
  { name: "softmax, gated", dtype: "bf16", config: { ...base, routing_mode: "top1" } },
  { name: "not gated", dtype: "bf16", config: { ...base, swiglu: false } },
  ...(["f32", "f16", "bf16"] as const).map((dtype) => ({
    name: "odd sizes throughout",
    dtype,
    config: {
      ...base,
      hidden_size: 37,
      state_size: 5,
      conv_dimension: 1,
      vocab_size: 97,
      expansion_factor: 3,
      ffn_hidden_size: 51,
      bias: true,
      add_bias_linear: true,
    },
  })),
  {
    name: "many experts, long convolution, state 16",
    dtype: "bf16",
    config: {
      ...base,
      num_layers: 2,
      mamba_moe_layers: ["r", "20"],
      conv_dimension: 20,
      state_size: 16,
      vocab_size: 64,
    },
  },
  { name: "Mamba only", dtype: "bf16", config: { ...base, num_layers: 2, mamba_moe_layers: ["r", "r"] } },
  { name: "experts only", dtype: "bf16", config: { ...base, num_layers: 2, mamba_moe_layers: ["2", "1"] } },
];

describe.each(testDevices())("configurations on $label", ({ open }) => {
  test.each(configurations)("$name, $dtype", async ({ config, dtype, without }) => {
    const { parts, weights } = await randomModel(config, dtype, (tensors) =>
      tensors.filter(({ name }) => !without?.test(name)),
    );
    const model = await BlackMamba.load(parts, { device: await open() });
    const ids = Array.from({ length: 45 }, (_, t) => (t * t * 7 + 3) % config.vocab_size);
    const expected = plainLogits(config, weights, ids);
    expectClose(await model.logits(ids), expected, 2e-5, "of the prompt at once");

    const state = model.createState();
    const decoded: number[] = [];
    for (const id of ids) decoded.push(...(await state.advance([id])));
    expectClose(decoded, expected, 2e-5, "token by token");
    await model.dispose();
  });
});
