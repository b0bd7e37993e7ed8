/**
 * Tensors that live and die together: one call frees everything that was made through the pool.
 */
import type { TensorAllocator } from "./device.ts";
import type { DType } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";

/** Makes tensors on a device and remembers them. */
export class TensorPool implements TensorAllocator {
  readonly #device: TensorAllocator;
  readonly #tensors: Tensor[] = [];

  constructor(device: TensorAllocator) {
    this.#device = device;
  }

  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor {
    const tensor = this.#device.createTensor(dtype, shape, label);
    this.#tensors.push(tensor);
    return tensor;
  }

  /** Bytes of the pool's tensors. */
  get byteLength(): number {
    return this.#tensors.reduce((sum, { storage }) => sum + storage.byteLength, 0);
  }

  /** Frees all tensors of the pool. */
  dispose(): void {
    for (const { storage } of this.#tensors.splice(0)) storage.dispose();
  }
}
