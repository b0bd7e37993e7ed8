/**
 * Bindings for f32 tensors, one for those that share a storage: WebGPU promises only eight buffers a shader, and refuses to
 * bind one twice where it is written.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";

/** Bindings, and each tensor's variable. */
export interface Buffers<N extends string> {
  readonly bindings: readonly Binding[];
  /** WGSL expression of an element: `at("u", "token", "d")` is the element d of row `token`. */
  at(name: N, row: string, column: string): string;
}

/**
 * Bindings for these tensors.
 *
 * @param tensors - f32, by the name of their variable; may be views of columns
 * @param written - those that the shader writes
 */
export function buffers<N extends string>(
  tensors: Readonly<Record<N, Tensor>>,
  written: readonly NoInfer<N>[] = [],
): Buffers<N> {
  const bindings: Binding[] = [];
  const variables = new Map<N, string>();
  for (const [name, tensor] of Object.entries(tensors) as [N, Tensor][]) {
    const access = written.includes(name) ? "read_write" : "read";
    const known = bindings.findIndex(
      (other) => other.tensor.storage === tensor.storage && other.tensor.values.byteOffset === tensor.values.byteOffset,
    );
    if (known < 0) bindings.push({ name, tensor, access, type: "array<f32>" });
    else if (access === "read_write") bindings[known] = { ...(bindings[known] as Binding), access };
    variables.set(name, known < 0 ? name : (bindings[known] as Binding).name);
  }
  return {
    bindings,
    at: (name, row, column) => {
      const { offset, rowStride } = tensors[name];
      return `${variables.get(name)}[${offset}u + (${row}) * ${rowStride}u + ${column}]`;
    },
  };
}
