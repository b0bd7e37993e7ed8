/**
 * Weights that are made on the device rather than read from a checkpoint: for models that need to be of a certain shape, and
 * of no certain content, as in benches.
 */
import type { Device, DType, Tensor } from "@blackmamba/tensor";
import { ModelWeightsError } from "../errors.ts";
import { place } from "./load-weights.ts";
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

/** Makes a weight: a tensor of the device, of the shape and one of the types that were asked for. The model owns it. */
export type MakeWeight = (request: WeightRequest, device: Device) => Tensor | Promise<Tensor>;

/** The weights that {@link makeWeights} makes: all but the optional ones. */
export function madeWeights(table: ModelTable<Weight>): Weight[] {
  return weightsOf(table).filter(({ optional }) => !optional);
}

/** Makes every weight of the table. When one fails, those before are freed. */
export async function makeWeights(
  device: Device,
  table: ModelTable<Weight>,
  make: MakeWeight,
  signal?: AbortSignal,
): Promise<ModelTable<Tensor>> {
  const made = new Map<Weight, Tensor>();
  try {
    for (const weight of madeWeights(table)) {
      signal?.throwIfAborted();
      const request = { name: String(weight.names[0]), shape: weight.deviceShape, dtypes: dtypesOf(weight) };
      const tensor = await make(request, device);
      made.set(weight, tensor);
      requireFit(request, tensor);
    }
    // A device may learn only now that it had no room.
    await device.settled();
  } catch (error) {
    for (const tensor of made.values()) tensor.storage.dispose();
    throw error;
  }
  return place(table, made) as ModelTable<Tensor>;
}

function dtypesOf({ form, quantizable }: Weight): readonly DType[] {
  if (form !== "stored") return ["f32"];
  return quantizable ? ["f32", "f16", "bf16", "q8_0", "q4_0"] : ["f32", "f16", "bf16"];
}

function requireFit({ name, shape, dtypes }: WeightRequest, tensor: Tensor): void {
  if (String(tensor.shape) === String(shape) && dtypes.includes(tensor.dtype)) return;
  throw new ModelWeightsError(
    `weight ${name}: expected ${dtypes.join(" or ")} [${shape.join(", ")}], ` +
      `found ${tensor.dtype} [${tensor.shape.join(", ")}]; makeWeight has to make what it is asked for`,
  );
}
