/**
 * How a matrix-vector product reads its vector: what `mat-vec.ts` asks of it, and a vector that is read where it is.
 * Not here: one that is laid out in workgroup memory first, see `staged-vector.ts`.
 */
import type { Binding, Shader, Tensor } from "@blackmamba/tensor";
import { loader } from "./load.ts";

/** The vector that is multiplied. */
export interface Vector {
  readonly bindings: readonly Binding[];
  readonly enables: NonNullable<Shader["enables"]>;
  /** Functions and workgroup variables. */
  readonly code: string;
  /** Statements that make it ready. */
  readonly stage: string;
  /** WGSL expression of quad `index` of a chunk: a `vec4<f32>`, or `vec4<u32>` of digits. */
  quad(index: number, chunk: string): string;
  /**
   * Of a vector in digits: WGSL expression of a f32, the product of such a quad with four signed bytes.
   *
   * @param word - a u32 with the bytes
   */
  dot?(word: string, quad: string): string;
}

/** A vector that is read from its buffer, by chunks of so many elements. Needs `vector_token`, its row of x. */
export function vectorInPlace(x: Tensor, elements: number): Vector {
  const { bindings, code } = loader("x", x);
  return {
    ...{ bindings, code, enables: [], stage: "" },
    quad: (i, chunk) => `x4(vector_token, ${chunk} * ${elements}u + ${4 * i}u)`,
  };
}
