/**
 * Random weights that behave as trained ones do where it matters to speed: activations stay finite, the state decays, and
 * routers choose all experts about evenly, another one from token to token.
 */
import { fillRandom } from "@blackmamba/bench";
import type { MakeWeight, QuantizedDType } from "@blackmamba/model";

/** Types that a large matrix of random weights may have. */
export type WeightDType = "f32" | "f16" | "bf16" | QuantizedDType;

export interface RandomWeightsOptions {
  /** Of the matrices. */
  readonly dtype: Exclude<WeightDType, QuantizedDType>;
  /** Of the large ones in its place. */
  readonly quantize: QuantizedDType | undefined;
  readonly seed: number;
}

/** Makes each weight on the device: the same ones for the same seed, whatever the device. */
export function randomWeights({ dtype, quantize, seed }: RandomWeightsOptions): MakeWeight {
  let made = 0;
  return ({ name, shape, dtypes }) => {
    const own = [quantize, dtype, "f32" as const].find((each) => each && dtypes.includes(each)) ?? "f32";
    made += 1;
    const options = { seed: seed + made, ...distribution(name, shape) };
    return { dtype: own, fill: (tensor, device) => fillRandom(device, tensor, options) };
  };
}

/** What the elements of a weight are like. Of `A_log` it is A itself, −exp(A_log), that is meant. */
export function distribution(
  name: string,
  shape: readonly number[],
): { readonly mean?: number; readonly deviation: number } {
  // A = −exp(A_log): from −1 to −15, as Mamba begins its training.
  if (name.endsWith("A_log")) return { mean: -8, deviation: 2 };
  // softplus(−4.6) is a time step of 0.01.
  if (name.endsWith("dt_proj.bias")) return { mean: -4.6, deviation: 0.5 };
  if (name.endsWith(".D") || name.endsWith("norm.weight") || name.endsWith("norm_moe.weight")) {
    return { mean: 1, deviation: 0.1 };
  }
  // Small, as trained ones are: with larger ones the likeliest next token would be the last one again, for ever.
  if (name.includes("embedding")) return { deviation: 0.02 };
  if (name.endsWith("bias")) return { deviation: 0.05 };
  const inputs = shape.at(-1) ?? 1;
  return { deviation: 1 / Math.sqrt(inputs) };
}
