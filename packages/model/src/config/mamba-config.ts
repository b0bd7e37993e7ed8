/**
 * `config.json` of a plain Mamba (arXiv 2312.00752), in the layouts of its authors and of transformers: a BlackMamba without
 * experts, with an RMSNorm at the end.
 */
import type { ModelConfig } from "./config.ts";
import type { ConfigKeys } from "./config-keys.ts";

/** What the layers of every plain Mamba have in common. */
const PLAIN = {
  ffn: 0,
  gating: "sigmoid",
  gated: false,
  linearBias: false,
  finalNorm: "rms",
  trainedLength: undefined,
} as const satisfies Partial<ModelConfig>;

/** state-spaces/mamba: sizes within `ssm_cfg`, and a vocabulary that is padded. A MambaByte has this layout. */
export function parseStateSpacesConfig(keys: ConfigKeys): ModelConfig {
  keys.only("rms_norm", true);
  keys.only("d_intermediate", 0);
  const ssm = keys.within("ssm_cfg");
  ssm.only("layer", "Mamba1");
  ssm.only("conv_bias", true);
  const hidden = keys.size("d_model");
  const inner = hidden * (ssm.has("expand") ? ssm.size("expand") : 2);
  const multiple = keys.has("pad_vocab_size_multiple") ? keys.size("pad_vocab_size_multiple") : 8;
  return {
    ...PLAIN,
    layout: "state-spaces",
    hidden,
    inner,
    state: ssm.has("d_state") ? ssm.size("d_state") : 16,
    taps: ssm.has("d_conv") ? ssm.size("d_conv") : 4,
    dtRank: rankOf(ssm, "dt_rank", hidden),
    vocab: Math.ceil(keys.size("vocab_size") / multiple) * multiple,
    layers: mambaLayers(keys.depth("n_layer")),
    projectionBias: ssm.flag("bias", false),
    tied: keys.flag("tie_embeddings", true),
    epsilon: keys.epsilon("norm_epsilon", 1e-5),
  };
}

/** transformers' `MambaForCausalLM`. */
export function parseTransformersConfig(keys: ConfigKeys): ModelConfig {
  keys.only("hidden_act", "silu");
  keys.only("use_conv_bias", true);
  const hidden = keys.size("hidden_size");
  const expanded = () => hidden * (keys.has("expand") ? keys.size("expand") : 2);
  return {
    ...PLAIN,
    layout: "transformers",
    hidden,
    inner: keys.has("intermediate_size") ? keys.size("intermediate_size") : expanded(),
    state: keys.size("state_size"),
    taps: keys.size("conv_kernel"),
    dtRank: rankOf(keys, "time_step_rank", hidden),
    vocab: keys.size("vocab_size"),
    layers: mambaLayers(keys.depth("num_hidden_layers")),
    projectionBias: keys.flag("use_bias", false),
    tied: keys.flag("tie_word_embeddings", true),
    epsilon: keys.epsilon("layer_norm_epsilon", 1e-5),
  };
}

function mambaLayers(depth: number): ModelConfig["layers"] {
  return Array.from({ length: depth }, () => ({ entry: "r", mamba: true, experts: 0 }));
}

/** The rank of the time step's projection, which may be left to the width. */
function rankOf(keys: ConfigKeys, key: string, hidden: number): number {
  return keys.has(key) && keys.get(key) !== "auto" ? keys.size(key) : Math.ceil(hidden / 16);
}
