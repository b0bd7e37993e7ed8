/**
 * Weights that are made on the device rather than read from a checkpoint: for models that need to be of a certain shape, and
 * of no certain content, as in benches.
 */
import type { Device, DType, Tensor } from "@blackmamba/tensor";
import { ModelWeightsError } from "../errors.ts";
import { createWeights } from "./create-weights.ts";
import type { Weight } from "./weight.ts";
import { type ModelTable, weightsOf } from "./weight-table.ts";

/** A weight that a model needs. */
export interface WeightRequest {
  /** As a checkpoint names it; of experts, which are one tensor on the device, the first. */
  readonly name: string;
  /** On the device: experts are stacked. */
  readonly shape: readonly number[];
  /** What it may be: any float type for a large matrix, one that is not quantised for a small one, f32 for the rest. */
  readonly dtypes: readonly DType[];
}

/** How a weight is made. */
export interface WeightRecipe {
  /** One of those that were asked for. */
  readonly dtype: DType;
  /** Fills the weight, which is all zeros. A program that does so may write this weight, and read no other while it does. */
  fill(tensor: Tensor, device: Device): void | Promise<void>;
}

/** Says how a weight is to be made. It is asked for all of them before the first is filled. */
export type MakeWeight = (request: WeightRequest) => WeightRecipe;

/** The weights that {@link makeWeights} makes: all but the optional ones. */
export function madeWeights(table: ModelTable<Weight>): Weight[] {
  return weightsOf(table).filter(({ optional }) => !optional);
}

/** Makes every weight of the table. When one fails, nothing stays allocated. */
export async function makeWeights(
  device: Device,
  table: ModelTable<Weight>,
  make: MakeWeight,
  signal?: AbortSignal,
): Promise<ModelTable<Tensor>> {
  const weights = madeWeights(table).map((weight) => {
    const request = { name: String(weight.names[0]), shape: weight.deviceShape, dtypes: dtypesOf(weight) };
    const recipe = make(request);
    requireAsked(request, recipe);
    return { weight, dtype: recipe.dtype, recipe };
  });
  return createWeights(device, table, weights, async (created) => {
    for (const { recipe, tensor } of created) {
      signal?.throwIfAborted();
      await recipe.fill(tensor, device);
    }
  });
}

function dtypesOf({ form, quantizable }: Weight): readonly DType[] {
  if (form !== "stored") return ["f32"];
  return quantizable ? ["f32", "f16", "bf16", "q8_0", "q4_0"] : ["f32", "f16", "bf16"];
}

function requireAsked({ name, dtypes }: WeightRequest, { dtype }: WeightRecipe): void {
  if (dtypes.includes(dtype)) return;
  throw new ModelWeightsError(
    `weight ${name}: expected ${dtypes.join(" or ")}, found ${dtype}; makeWeight has to make what it is asked for`,
  );
}
