/**
 * The published layout of BlackMamba's `config.json`, and of MoE-Mamba's.
 */
import { ModelConfigError } from "../errors.ts";
import type { ModelConfig } from "./config.ts";
import type { ConfigKeys } from "./config-keys.ts";
import { parseLayerKind } from "./layer-kind.ts";

/** Most experts of all layers together, each of which has tensors of its own: more than any real model has. */
const MAX_EXPERTS = 1 << 14;

/** @throws ModelConfigError */
export function parseBlackMambaConfig(keys: ConfigKeys): ModelConfig {
  const { name } = keys;
  const entries = keys.get("mamba_moe_layers");
  if (!Array.isArray(entries) || entries.length === 0) throw keys.wrong("mamba_moe_layers", "a list of layers");
  const layers = named(name, () => entries.map(parseLayerKind));
  const depth = keys.depth("num_layers");
  if (depth !== layers.length) {
    throw new ModelConfigError(
      `${name}: num_layers is ${depth}, but mamba_moe_layers has ${layers.length} entries; they must agree`,
    );
  }
  const experts = layers.reduce((sum, layer) => sum + layer.experts, 0);
  if (experts > MAX_EXPERTS) {
    throw new ModelConfigError(`${name}: mamba_moe_layers: expected at most ${MAX_EXPERTS} experts, found ${experts}`);
  }
  const routing = keys.get("routing_mode") ?? "sinkhorn";
  if (routing !== "sinkhorn" && routing !== "top1") throw keys.wrong("routing_mode", '"sinkhorn" or "top1"');
  const linearBias = keys.flag("add_bias_linear");
  const hidden = keys.size("hidden_size");
  return {
    layout: "blackmamba",
    hidden,
    inner: keys.size("expansion_factor") * hidden,
    state: keys.size("state_size"),
    taps: keys.size("conv_dimension"),
    dtRank: Math.ceil(hidden / 16),
    ffn: keys.size("ffn_hidden_size"),
    vocab: keys.size("vocab_size"),
    layers,
    gating: routing === "top1" ? "softmax" : "sigmoid",
    gated: keys.flag("swiglu"),
    projectionBias: keys.flag("bias", linearBias),
    linearBias,
    finalNorm: "layer",
    tied: true,
    epsilon: 1e-5,
    trainedLength: keys.has("max_sequence_length") ? keys.size("max_sequence_length") : undefined,
  };
}

function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ModelConfigError(`${name}: ${(error as Error).message}`, { cause: error });
  }
}
