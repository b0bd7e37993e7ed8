import { CodedError } from "@blackmamba/tensor";
import { damagedJson, type FuzzTarget, type Random } from "@blackmamba/testing/fuzz";
import { SMALL_CONFIG } from "../testing/small-config.ts";
import { weightsOf, weightTable } from "../weights/weight-table.ts";
import { parseConfig } from "./config.ts";

/** One of each layout, with every key that is looked at. */
const CONFIGS = [
  { ...SMALL_CONFIG, routing_mode: "top1", max_sequence_length: 2048 },
  {
    ...{ d_model: 64, n_layer: 2, vocab_size: 250, pad_vocab_size_multiple: 8, rms_norm: true, d_intermediate: 0 },
    ...{ tie_embeddings: true, norm_epsilon: 1e-5 },
    ssm_cfg: { layer: "Mamba1", conv_bias: true, expand: 2, d_state: 16, d_conv: 4, dt_rank: "auto", bias: false },
  },
  {
    ...{ model_type: "mamba", hidden_act: "silu", hidden_size: 64, intermediate_size: 128, expand: 2 },
    ...{ num_hidden_layers: 2, state_size: 16, conv_kernel: 4, time_step_rank: 4, vocab_size: 320, use_bias: false },
    ...{ use_conv_bias: true, tie_word_embeddings: true, layer_norm_epsilon: 1e-5 },
  },
];

/** Layers and experts without number, which the file need not have tensors for. */
function manyLayers(random: Random): object {
  const layers = random.pick([1, 2, 100, 4096, 4097, 20_000]);
  const entry = random.pick(["r", "8", "r9999", "9999", "10000"]);
  return { ...CONFIGS[0], num_layers: layers, mamba_moe_layers: new Array(layers).fill(entry) };
}

function make(random: Random): Uint8Array {
  if (random.chance(0.01)) return new TextEncoder().encode(JSON.stringify(manyLayers(random)));
  // Seldom the keys of two layouts at once.
  const config = random.chance(0.9) ? random.pick(CONFIGS) : { ...random.pick(CONFIGS), ...random.pick(CONFIGS) };
  return new TextEncoder().encode(random.chance(0.1) ? JSON.stringify(config) : damagedJson(random, config));
}

export const target: FuzzTarget = {
  name: "config",
  files: 40_000,
  make,
  async read(file) {
    const config = parseConfig(JSON.parse(new TextDecoder().decode(file)));
    const { layers, layout: _, epsilon, gating: __, finalNorm: ___, ...sizes } = config;
    for (const [key, size] of Object.entries(sizes)) {
      const isSize = typeof size !== "number" || (Number.isSafeInteger(size) && size >= 0);
      if (!isSize) throw new Error(`${key} is ${size}`);
    }
    if (!(epsilon > 0 && epsilon < 1)) throw new Error(`epsilon is ${epsilon}`);
    if (layers.length === 0) throw new Error("a model without layers");
    for (const { shape } of weightsOf(weightTable(config))) {
      if (!shape.every((size) => Number.isSafeInteger(size) && size > 0)) throw new Error(`a weight of shape ${shape}`);
    }
  },
  refusals: [CodedError],
  outcomes: ["read", "ERR_MODEL_CONFIG"],
};
