/**
 * Room for the intermediate results of a reference.
 */
import type { HostTensor } from "@blackmamba/tensor";

/** An f32 matrix of zeros in this process's memory. */
export function hostMatrix(rows: number, width: number): HostTensor {
  return {
    label: "intermediate result",
    dtype: "f32",
    shape: [rows, width],
    offset: 0,
    rowStride: width,
    values: new Float32Array(rows * width),
  };
}
