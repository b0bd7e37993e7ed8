/**
 * A tensor's place in a GPUBuffer, which it may share, and how shaders see it.
 */
import { type ByteRange, roundUp } from "../dtype.ts";
import { KernelError, ShapeError } from "../errors.ts";
import type { Binding } from "../kernel.ts";
import type { Storage, Tensor } from "../tensor.ts";

/** Bytes of a GPUBuffer. A tensor's own ranges count from `byteOffset` on. */
export interface GpuStorage extends Storage {
  readonly buffer: GPUBuffer;
  /** Where the storage starts in the buffer; a multiple of 256. */
  readonly byteOffset: number;
}

/** The buffer that a range of a tensor's storage lies in, and where. */
export function placeOf(
  { storage }: Tensor,
  { byteOffset }: Pick<ByteRange, "byteOffset">,
): { readonly buffer: GPUBuffer; readonly offset: number } {
  const { buffer, byteOffset: start } = storage as GpuStorage;
  return { buffer, offset: start + byteOffset };
}

/** What a bind group holds for one buffer of a shader. */
export function resourceOf({ tensor, part = "values" }: Binding): GPUBufferBinding {
  const range = tensor[part];
  if (!range) throw new ShapeError(`${tensor.label}: a ${tensor.dtype} tensor has no ${part}`);
  return { ...placeOf(tensor, range), size: roundUp(Math.max(range.byteLength, 4), 4) };
}

/**
 * Throws a KernelError where a shader reads from a buffer that it also writes to: WebGPU allows one or the other, and would say
 * so only when the program is run, without the tensors' names.
 */
export function requireReadOrWritten(kernel: string, bindings: readonly Binding[]): void {
  const bufferOf = ({ tensor }: Binding) => (tensor.storage as GpuStorage).buffer;
  for (const written of bindings.filter(({ access }) => access === "read_write")) {
    const read = bindings.find((other) => other.access === "read" && bufferOf(other) === bufferOf(written));
    if (!read) continue;
    throw new KernelError(
      kernel,
      `reads ${read.tensor.label} and writes ${written.tensor.label}, which share a buffer, and WebGPU does not allow it: ` +
        "make what is written by itself, with createTensor",
    );
  }
}
