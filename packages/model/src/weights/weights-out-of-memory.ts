/**
 * What is said where a model's weights have no room: how much they take, how much there was, and what takes less. Numbers, no promises:
 * nothing tells how much memory is free.
 */
import type { Checkpoint } from "@blackmamba/checkpoint";
import { type Device, type DType, OutOfMemoryError, type QuantizedDType, storageLayout } from "@blackmamba/tensor";
import { deviceWeights } from "./load-weights.ts";
import { quantizedWeights } from "./quantized-weights.ts";
import type { Weight } from "./weight.ts";
import type { ModelTable } from "./weight-table.ts";

/** What was to be loaded. */
export interface WeightsToLoad {
  /** As the source has it. */
  readonly checkpoint: Checkpoint;
  readonly table: ModelTable<Weight>;
  readonly quantize: QuantizedDType | undefined;
}

/** A size that the weights can have. */
interface Size {
  /** As `model.byteLength` counts them. */
  readonly byteLength: number;
  /** Bytes of the largest tensor. */
  readonly largest: number;
  /** That most of the bytes have. */
  readonly dtype: DType;
}

const QUANTIZED: readonly QuantizedDType[] = ["q8_0", "q4_0"];

/**
 * The error that says what would take less than there was.
 *
 * @param error - of the device
 * @param allocatedBefore - bytes that the device had given before, for something else
 */
export function weightsOutOfMemory(
  error: OutOfMemoryError,
  { checkpoint, table, quantize }: WeightsToLoad,
  { kind, name }: Pick<Device, "kind" | "name">,
  allocatedBefore: number,
): OutOfMemoryError {
  const sizeIn = (dtype: QuantizedDType | undefined) =>
    sizeOf(dtype ? quantizedWeights(checkpoint, table, dtype) : checkpoint, table);
  const own = sizeIn(quantize);
  const { allocatedByteLength, maxByteLength } = error;
  const given = allocatedByteLength === undefined ? 0 : allocatedByteLength - allocatedBefore;
  const smaller = QUANTIZED.map((dtype) => ({ quantize: dtype, ...sizeIn(dtype) })).filter(
    ({ byteLength }) => byteLength < own.byteLength,
  );
  const fits = ({ byteLength, largest }: Size) =>
    maxByteLength === undefined ? byteLength <= given : largest <= maxByteLength;
  const fitting = smaller.filter(fits);
  const list = (sizes: typeof smaller) =>
    sizes.map((size) => `quantize: "${size.quantize}" (${size.byteLength} bytes)`).join(" or ");
  const cures = [
    ...(fitting.length > 0 ? [`load with ${list(fitting)}`] : []),
    ...(kind === "webgpu" ? ['load with device: "cpu", which uses the machine\'s memory'] : []),
  ];
  const isLimit = maxByteLength !== undefined;
  const where = `${kind} ${name}`;
  const had = isLimit
    ? `one of them is larger than ${where} allows`
    : `${where} had given ${given} when it had no room`;
  const too = isLimit ? "has one that is larger too" : "takes more than that too";
  const facts = [
    `the weights take ${own.byteLength} bytes in ${own.dtype}, and ${had}`,
    ...(fitting.length === 0 && smaller.length > 0 ? [`what is smaller ${too}: ${list(smaller)}`] : []),
  ];
  const cure = cures.length > 0 ? cures.join("; or ") : "free memory, or take a machine with more";
  return new OutOfMemoryError(`${facts.join("; ")} (${error.message}); ${cure}`, {
    cause: error,
    allocatedByteLength,
    maxByteLength,
  });
}

function sizeOf(checkpoint: Checkpoint, table: ModelTable<Weight>): Size {
  let [byteLength, largest] = [0, 0];
  const byDType = new Map<DType, number>();
  for (const { weight, dtype } of deviceWeights(checkpoint, table)) {
    const { values, scales, byteLength: padded } = storageLayout(dtype, weight.deviceShape);
    const own = values.byteLength + (scales?.byteLength ?? 0);
    byteLength += own;
    largest = Math.max(largest, padded);
    byDType.set(dtype, (byDType.get(dtype) ?? 0) + own);
  }
  const [[dtype] = ["f32" as const]] = [...byDType].toSorted(([, a], [, b]) => b - a);
  return { byteLength, largest, dtype };
}
