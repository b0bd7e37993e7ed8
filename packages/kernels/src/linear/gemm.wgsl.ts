/**
 * `linear` for several tokens: a matrix-matrix product, by tiles in workgroup memory on a GPU, and without workgroup memory
 * where the adapter is really a CPU.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { gemmSoftware } from "./gemm-software.wgsl.ts";
import { gemmTiled } from "./gemm-tiled.wgsl.ts";
import { chooseTiling } from "./gemm-tiling.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";

export function gemm(operands: LinearOperands, params: LinearParams, traits: AdapterTraits): Shader {
  if (traits.software) return gemmSoftware(operands, params);
  const { outputs, experts, paired } = linearSizes(operands);
  return gemmTiled(operands, params, chooseTiling(operands.out.shape[0], paired ? 2 * outputs : outputs, experts));
}
