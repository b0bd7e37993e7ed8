/**
 * What a GGUF file says of its model, in llama.cpp's words: its metadata, and which tensors it has.
 */
import type { GgufCheckpoint } from "@blackmamba/checkpoint";
import { ModelConfigError } from "../errors.ts";
import { GGUF_GATINGS } from "../gguf/gguf-values.ts";
import type { ModelConfig } from "./config.ts";
import { ConfigKeys } from "./config-keys.ts";
import type { LayerKind } from "./layer-kind.ts";

/**
 * Reads the configuration. Metadata has sizes; which layer is of which kind, and what has a bias, tensors say.
 *
 * @throws ModelConfigError for another architecture, or a value that is missing or wrong
 */
export function parseGgufConfig({ name, values, tensors }: GgufCheckpoint): ModelConfig {
  const architecture = values.get("general.architecture");
  if (architecture !== "mamba" && architecture !== "blackmamba") {
    const found = typeof architecture === "string" ? `"${architecture}"` : "none";
    throw new ModelConfigError(
      `${name}: general.architecture: expected "mamba" or "blackmamba", found ${found}; is this another model's file?`,
    );
  }
  const own = `${architecture}.`;
  const keys = new ConfigKeys(
    `${name}: ${architecture}`,
    Object.fromEntries(
      [...values].flatMap(([key, value]) => (key.startsWith(own) ? [[key.slice(own.length), value]] : [])),
    ),
  );
  keys.only("ssm.dt_b_c_rms", false);
  const rowsOf = (tensor: string) => tensors.get(tensor)?.shape[0];
  const layers = Array.from({ length: keys.depth("block_count") }, (_, i): LayerKind => {
    const mamba = tensors.has(`blk.${i}.ssm_in.weight`);
    const experts = rowsOf(`blk.${i}.ffn_gate_inp.weight`) ?? (tensors.has(`blk.${i}.ffn_up.weight`) ? 1 : 0);
    return { entry: `${mamba ? "r" : ""}${experts || ""}`, mamba, experts };
  });
  const empty = layers.findIndex(({ mamba, experts }) => !mamba && experts === 0);
  if (empty >= 0) {
    throw new ModelConfigError(
      `${name}: layer ${empty}: expected blk.${empty}.ssm_in.weight, .ffn_gate_inp.weight or .ffn_up.weight, found none of them`,
    );
  }
  const someLayer = (suffix: string) => layers.some((_, i) => tensors.has(`blk.${i}.${suffix}`));
  const up = layers.findIndex(({ experts }) => experts > 0);
  const upName = `blk.${up}.ffn_up${(layers[up]?.experts ?? 0) > 1 ? "_exps" : ""}.weight`;
  const vocab = rowsOf("token_embd.weight");
  if (vocab === undefined) {
    throw new ModelConfigError(`${name}: token_embd.weight is missing, which has a row for each id`);
  }
  const gatingNumber = Number(keys.get("expert_gating_func") ?? GGUF_GATINGS.sigmoid);
  const gating = (["softmax", "sigmoid"] as const).find((each) => GGUF_GATINGS[each] === gatingNumber);
  if (!gating) throw keys.wrong("expert_gating_func", "1 (softmax) or 2 (sigmoid)");
  return {
    layout: "gguf",
    hidden: keys.size("embedding_length"),
    inner: keys.size("ssm.inner_size"),
    state: keys.size("ssm.state_size"),
    taps: keys.size("ssm.conv_kernel"),
    dtRank: keys.size("ssm.time_step_rank"),
    ffn: up < 0 ? 0 : (tensors.get(upName)?.shape.at(-2) ?? 0),
    vocab,
    layers,
    gating,
    gated: someLayer("ffn_gate_exps.weight") || someLayer("ffn_gate.weight"),
    projectionBias: someLayer("ssm_in.bias"),
    linearBias: tensors.has("output.bias"),
    finalNorm: tensors.has("output_norm.bias") ? "layer" : "rms",
    tied: !tensors.has("output.weight"),
    epsilon: shortest(keys.epsilon("attention.layer_norm_rms_epsilon", 1e-5)),
    trainedLength: keys.has("context_length") ? keys.size("context_length") : undefined,
  };
}

/** The number that was meant: the file has it in single precision. */
function shortest(single: number): number {
  return Number(single.toPrecision(6));
}
