/**
 * WGSL that reads logits, and orders them as `key.ts` does.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import { SETTING, SETTINGS_WIDTH } from "./settings.ts";

/** What the sampler's shaders read of a sequence. */
export interface LogitTensors {
  readonly logits: Tensor;
  readonly settings: Tensor;
}

/** Bindings for {@link logitCode}; logits are bound as their bits, in which NaN can be told for sure. */
export function logitBindings({ logits, settings }: LogitTensors): Binding[] {
  return [
    { name: "logits", tensor: logits, access: "read", type: "array<u32>" },
    { name: "settings", tensor: settings, access: "read", type: "array<u32>" },
  ];
}

/**
 * `fn bitsOf(row: u32, id: u32) -> u32`, the bits of a logit; `fn isNumber(bits: u32) -> bool`; `fn logit(row: u32, id: u32) -> f32`;
 * `fn keyOf(value: f32) -> u32`; `fn valueOf(key: u32) -> f32`, what has that key.
 */
export function logitCode({ logits }: LogitTensors): string {
  const vocab = logits.shape[1] as number;
  return `fn bitsOf(row: u32, id: u32) -> u32 { return logits[row * ${vocab}u + id]; }

fn isNumber(bits: u32) -> bool { return (bits & 0x7fffffffu) <= 0x7f800000u; }

fn logit(row: u32, id: u32) -> f32 { return bitcast<f32>(bitsOf(row, id)); }

fn keyOf(value: f32) -> u32 {
  var bits = bitcast<u32>(value);
  if (bits == 0x80000000u) { bits = 0u; }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

fn valueOf(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}`;
}

/** WGSL expression of a float among the settings of `row`. */
export function setting(
  name: Exclude<keyof typeof SETTING, "seed" | "topK" | "topP" | "typicalP" | "minTokens" | "hasBias">,
): string {
  return `bitcast<f32>(${settingWord(name)})`;
}

/** WGSL expression of a word among the settings of `row`. */
export function settingWord(name: keyof typeof SETTING): string {
  return `settings[row * ${SETTINGS_WIDTH}u + ${SETTING[name]}u]`;
}
