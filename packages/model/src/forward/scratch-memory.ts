/**
 * Memory that is used again: for intermediate results of which some are no longer needed when others are made.
 */
import { type DType, storageLayout, type Tensor, type TensorAllocator, tensorOf } from "@blackmamba/tensor";

/** Memory for several users, one after another: what one leaves there the next may overwrite. */
export class ScratchMemory {
  readonly #allocator: TensorAllocator;
  readonly #places: Tensor[] = [];

  constructor(allocator: TensorAllocator) {
    this.#allocator = allocator;
  }

  /**
   * Where the next user's tensors come from. They lie apart from each other, each in the smallest place of those before that it
   * fits, or else in a new one: so who needs most should come first. They begin with what is there, not as zeros.
   */
  nextUser(): TensorAllocator {
    const free = this.#places.toSorted((a, b) => a.storage.byteLength - b.storage.byteLength);
    return {
      createTensor: (dtype, shape, label) => {
        const { byteLength } = storageLayout(dtype, shape);
        const fitting = free.findIndex(({ storage }) => storage.byteLength >= byteLength);
        const [place] = fitting < 0 ? [this.#createPlace(dtype, shape, label)] : free.splice(fitting, 1);
        return tensorOf((place as Tensor).storage, dtype, shape, label);
      },
    };
  }

  #createPlace(dtype: DType, shape: readonly number[], label: string): Tensor {
    const place = this.#allocator.createTensor(dtype, shape, label);
    this.#places.push(place);
    return place;
  }
}
