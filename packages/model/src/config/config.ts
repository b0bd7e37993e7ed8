/**
 * `config.json` of a checkpoint of the family, checked and in this project's words. Not here: what each layout's keys are.
 */
import { ModelConfigError } from "../errors.ts";
import { parseBlackMambaConfig } from "./blackmamba-config.ts";
import { ConfigKeys, describe } from "./config-keys.ts";
import type { LayerKind } from "./layer-kind.ts";
import { parseStateSpacesConfig, parseTransformersConfig } from "./mamba-config.ts";

/**
 * Whose names a checkpoint's tensors have:
 *
 * - `blackmamba`: as BlackMamba was published (arXiv 2402.01771), and MoE-Mamba
 * - `state-spaces`: as Mamba was (github.com/state-spaces/mamba), and MambaByte
 * - `transformers`: Mamba in Hugging Face's transformers
 * - `gguf`: either of them in a GGUF file, as llama.cpp names them
 */
export type Layout = "blackmamba" | "state-spaces" | "transformers" | "gguf";

/** What a model is. Sizes in elements; in the comments, the keys of the published BlackMambas. */
export interface ModelConfig {
  readonly layout: Layout;
  /** `hidden_size`: width of the residual stream. */
  readonly hidden: number;
  /** `expansion_factor` · `hidden_size`: channels of a Mamba layer. */
  readonly inner: number;
  /** `state_size`: state per channel. */
  readonly state: number;
  /** `conv_dimension`: taps of the causal convolution. */
  readonly taps: number;
  /** ⌈hidden / 16⌉: rank of the time step's projection. */
  readonly dtRank: number;
  /** `ffn_hidden_size`: width within an expert; 0 where there are none. */
  readonly ffn: number;
  /** `vocab_size`: rows of the embedding; may be padded beyond the tokenizer's ids. */
  readonly vocab: number;
  /** `mamba_moe_layers`. */
  readonly layers: readonly LayerKind[];
  /** `routing_mode`: sigmoid gates unless it is `"top1"`, which means softmax. */
  readonly gating: "sigmoid" | "softmax";
  /** `swiglu`: whether experts are gated. The gate's activation is GELU all the same. */
  readonly gated: boolean;
  /** `bias`: biases on the Mamba layers' in- and out-projections. */
  readonly projectionBias: boolean;
  /** `add_bias_linear`: biases on the experts' matrices and the output layer. */
  readonly linearBias: boolean;
  /** The norm before the output layer: LayerNorm in a BlackMamba, RMSNorm in a plain Mamba. */
  readonly finalNorm: "layer" | "rms";
  /** Whether the embedding is the output layer's matrix as well, as in all BlackMambas. */
  readonly tied: boolean;
  /** Epsilon of all norms: 1e-5. */
  readonly epsilon: number;
  /** `max_sequence_length`: the length of training documents; nothing limits the length of use. */
  readonly trainedLength?: number | undefined;
}

/**
 * Reads a parsed `config.json` of any layout, which is recognised by its keys: `mamba_moe_layers`, a `model_type` of `"mamba"`,
 * or `d_model` and `n_layer`.
 *
 * @param json - the parsed file
 * @param name - names the file in errors; default `"config.json"`
 * @throws ModelConfigError naming the key, what was expected and what was found
 */
export function parseConfig(json: unknown, name = "config.json"): ModelConfig {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ModelConfigError(`${name}: expected a JSON object, found ${describe(json)}`);
  }
  const keys = new ConfigKeys(name, json);
  if (keys.has("mamba_moe_layers")) return parseBlackMambaConfig(keys);
  if (keys.get("model_type") === "mamba") return parseTransformersConfig(keys);
  if (keys.has("d_model") && keys.has("n_layer")) return parseStateSpacesConfig(keys);
  const found = keys.has("model_type") ? `, found model_type ${describe(keys.get("model_type"))}` : "";
  throw new ModelConfigError(
    `${name}: mamba_moe_layers is missing, by which a BlackMamba is recognised, and so are d_model and n_layer, or the ` +
      `model_type "mamba", of a Mamba${found}; is this another model's configuration?`,
  );
}
