/**
 * `config.json` of a BlackMamba checkpoint, checked and in this project's words.
 */
import { ModelConfigError } from "../errors.ts";
import { type LayerKind, parseLayerKind } from "./layer-kind.ts";

/** What a model is. Sizes in elements. */
export interface ModelConfig {
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
  /** `ffn_hidden_size`: width within an expert. */
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
  /** Epsilon of all norms: 1e-5. */
  readonly epsilon: number;
  /** `max_sequence_length`: the length of training documents; nothing limits the length of use. */
  readonly trainedLength?: number | undefined;
}

/** Largest value of any size: far above any real model, and small enough that products stay exact. */
const MAX_SIZE = 1 << 24;

const CURE = "take config.json from the model's own repository";

/**
 * Reads a parsed `config.json`.
 *
 * @param json - the parsed file
 * @param name - names the file in errors; default `"config.json"`
 * @throws ModelConfigError naming the key, what was expected and what was found
 */
export function parseConfig(json: unknown, name = "config.json"): ModelConfig {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new ModelConfigError(`${name}: expected a JSON object, found ${describe(json)}`);
  }
  const keys = json as Readonly<Record<string, unknown>>;
  const entries = keys["mamba_moe_layers"];
  if (entries === undefined) {
    throw new ModelConfigError(
      `${name}: mamba_moe_layers is missing, by which a BlackMamba is recognised; is this another model's configuration?`,
    );
  }
  if (!Array.isArray(entries) || entries.length === 0) {
    throw new ModelConfigError(
      `${name}: mamba_moe_layers: expected a list of layers, found ${describe(entries)}; ${CURE}`,
    );
  }

  const isGiven = (key: string): boolean => keys[key] !== undefined && keys[key] !== null;
  const size = (key: string): number => {
    const value = keys[key];
    if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MAX_SIZE) return value;
    const expected = `a whole number from 1 to ${MAX_SIZE}`;
    throw new ModelConfigError(`${name}: ${key}: expected ${expected}, found ${describe(value)}; ${CURE}`);
  };
  const flag = (key: string, fallback?: boolean): boolean => {
    const value = keys[key] ?? fallback;
    if (typeof value === "boolean") return value;
    throw new ModelConfigError(`${name}: ${key}: expected true or false, found ${describe(value)}; ${CURE}`);
  };

  const layers = named(name, () => entries.map(parseLayerKind));
  const depth = size("num_layers");
  if (depth !== layers.length) {
    throw new ModelConfigError(
      `${name}: num_layers is ${depth}, but mamba_moe_layers has ${layers.length} entries; they must agree`,
    );
  }
  const routing = keys["routing_mode"] ?? "sinkhorn";
  if (routing !== "sinkhorn" && routing !== "top1") {
    throw new ModelConfigError(
      `${name}: routing_mode: expected "sinkhorn" or "top1", found ${describe(routing)}; ${CURE}`,
    );
  }
  const linearBias = flag("add_bias_linear");
  const hidden = size("hidden_size");
  return {
    hidden,
    inner: size("expansion_factor") * hidden,
    state: size("state_size"),
    taps: size("conv_dimension"),
    dtRank: Math.ceil(hidden / 16),
    ffn: size("ffn_hidden_size"),
    vocab: size("vocab_size"),
    layers,
    gating: routing === "top1" ? "softmax" : "sigmoid",
    gated: flag("swiglu"),
    projectionBias: flag("bias", linearBias),
    linearBias,
    epsilon: 1e-5,
    trainedLength: isGiven("max_sequence_length") ? size("max_sequence_length") : undefined,
  };
}

function named<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new ModelConfigError(`${name}: ${(error as Error).message}`, { cause: error });
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
