/**
 * Puts a model's weights on a device: tensors that lie together, as no kernel writes them. Not here: what they hold.
 */
import { type Device, type DType, OutOfMemoryError, type Tensor } from "@blackmamba/tensor";
import { forgetFailures } from "../device/forget-failures.ts";
import type { Weight } from "./weight.ts";
import { type ModelTable, weightsOf } from "./weight-table.ts";

/**
 * Makes tensors for weights, and has them filled. When that fails, nothing stays allocated.
 *
 * @param weights - of the table, and what each is to be
 * @param fill - gives all of them what they hold, and may tell others what is returned at the end: where they are, if not yet what
 *   they hold. When it rejects, it must have stopped
 * @returns the table's structure with a tensor in each place, `undefined` for a weight that is not among these
 */
export async function createWeights<W extends { readonly weight: Weight; readonly dtype: DType }>(
  device: Device,
  table: ModelTable<Weight>,
  weights: readonly W[],
  fill: (weights: readonly (W & { readonly tensor: Tensor })[], placed: ModelTable<Tensor>) => Promise<void>,
): Promise<ModelTable<Tensor>> {
  const groups = new Map<Weight, string>();
  for (const [index, layer] of table.layers.entries()) {
    for (const weight of weightsOf(layer)) groups.set(weight, `layer ${index}`);
  }
  const tensors = device.createTensors(
    weights.map(({ weight, dtype }) => ({
      ...{ dtype, shape: weight.deviceShape, label: String(weight.names[0]) },
      group: groups.get(weight),
    })),
  );
  const created = weights.map((each, index) => ({ ...each, tensor: tensors[index] as Tensor }));
  const placed = place(table, new Map(created.map(({ weight, tensor }) => [weight, tensor]))) as ModelTable<Tensor>;
  try {
    // A GPU says only now whether it had room: before anything is read for it.
    await device.settled();
    await fill(created, placed);
    await device.settled();
  } catch (error) {
    const { allocatedByteLength } = device;
    for (const { storage } of tensors) storage.dispose();
    if (error instanceof OutOfMemoryError) await forgetFailures(device);
    if (isFailedAllocation(error)) {
      const message = `no memory to fill the weights: ${error.message}`;
      throw new OutOfMemoryError(message, { cause: error, allocatedByteLength });
    }
    throw error;
  }
  return placed;
}

/** Whether JavaScript had no memory for an array. Engines say that in words only. */
function isFailedAllocation(error: unknown): error is RangeError {
  return error instanceof RangeError && /allocat|memory|array.?(buffer )?length/i.test(error.message);
}

/** Copies the table's structure, with the tensor in the place of each weight. */
function place(node: unknown, created: ReadonlyMap<Weight, Tensor>): unknown {
  if (typeof node !== "object" || node === null) return node;
  if ("names" in node) return created.get(node as Weight);
  if (Array.isArray(node)) return node.map((item) => place(item, created));
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, place(value, created)]));
}
