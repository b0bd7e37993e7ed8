/**
 * Tensors, and programs over them, that live and die together: one call frees everything that was made through the pool.
 */
import type { Device, PreparedProgram, TensorAllocator, TensorSpec } from "./device.ts";
import type { DType } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";

/** Makes tensors on a device and remembers them. */
export class TensorPool implements TensorAllocator {
  readonly #device: Pick<Device, "createTensor" | "createTensors">;
  readonly #tensors: Tensor[] = [];
  readonly #programs: PreparedProgram[] = [];

  constructor(device: Pick<Device, "createTensor" | "createTensors">) {
    this.#device = device;
  }

  createTensor(dtype: DType, shape: readonly number[], label: string): Tensor {
    const tensor = this.#device.createTensor(dtype, shape, label);
    this.#tensors.push(tensor);
    return tensor;
  }

  /** As the device's, tensors that lie together. */
  createTensors(specs: readonly TensorSpec[]): Tensor[] {
    const tensors = this.#device.createTensors(specs);
    this.#tensors.push(...tensors);
    return tensors;
  }

  /** Bytes of the pool's tensors. */
  get byteLength(): number {
    return this.#tensors.reduce((sum, { storage }) => sum + storage.byteLength, 0);
  }

  /** Has a program disposed with the pool's tensors. */
  keep(program: PreparedProgram): PreparedProgram {
    this.#programs.push(program);
    return program;
  }

  /** Frees all tensors and programs of the pool. */
  dispose(): void {
    for (const program of this.#programs.splice(0)) program.dispose();
    for (const { storage } of this.#tensors.splice(0)) storage.dispose();
  }
}
