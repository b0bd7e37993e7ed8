/**
 * Checks of operands, shared by all kernels: each error names kernel, operand, what was expected and what was found.
 */
import { type DType, ShapeError, type Tensor } from "@blackmamba/tensor";

/** Float types a matrix of weights may have. */
export const WEIGHT_DTYPES: readonly DType[] = ["f32", "f16", "bf16", "q8_0", "q4_0"];

/**
 * Throws a ShapeError unless the tensor has one of the types and the shape.
 *
 * @param kernel - the kernel's name
 * @param operand - the operand's name
 * @param tensor - left out, nothing is checked: an optional operand
 * @param shape - `undefined` for a size that may be any
 * @param options - `view`: whether a view of columns will do; default false
 */
export function expectOperand(
  kernel: string,
  operand: string,
  tensor: Tensor | undefined,
  dtypes: readonly DType[],
  shape: readonly (number | undefined)[],
  { view = false }: { readonly view?: boolean } = {},
): void {
  if (!tensor) return;
  if (!view && (tensor.offset !== 0 || tensor.rowStride !== tensor.shape.at(-1))) {
    fail(kernel, operand, tensor, "a whole tensor", "a view of columns");
  }
  if (!dtypes.includes(tensor.dtype)) {
    fail(kernel, operand, tensor, `dtype ${dtypes.join(" or ")}`, tensor.dtype);
  }
  const fits =
    tensor.shape.length === shape.length && shape.every((size, i) => size === undefined || size === tensor.shape[i]);
  if (!fits)
    fail(
      kernel,
      operand,
      tensor,
      `shape [${shape.map((size) => size ?? "any").join(", ")}]`,
      `[${tensor.shape.join(", ")}]`,
    );
}

function fail(kernel: string, operand: string, tensor: Tensor, expected: string, found: string): never {
  throw new ShapeError(`${kernel}: operand ${operand} (${tensor.label}): expected ${expected}, found ${found}`);
}
