/**
 * The WebAssembly of this package, and what its twins share. Made of `assembly/`.
 */
import type { HostTensor, WasmModule } from "@blackmamba/tensor";
import { KERNELS_WASM } from "../kernels-wasm.generated.ts";

/** As the CPU device's engine takes it. */
export const kernelsModule: WasmModule = { name: "@blackmamba/kernels", hex: KERNELS_WASM };

/** Address of a tensor's first element in the engine's memory; 0 for none. */
export function addressOf(tensor: HostTensor | undefined): number {
  return tensor ? tensor.values.byteOffset + tensor.offset * tensor.values.BYTES_PER_ELEMENT : 0;
}

/** Bytes from one row of a tensor of 32-bit elements to the next. */
export function strideOf(tensor: HostTensor | undefined): number {
  return tensor ? tensor.rowStride * 4 : 0;
}
