/**
 * How a matrix-vector product reads its vectors: what `mat-vec.ts` asks of them, and vectors that are read where they are.
 * Not here: those that are laid out in workgroup memory first, see `staged-vector.ts`.
 */
import type { Binding, Shader, Tensor } from "@blackmamba/tensor";
import { loader } from "./load.ts";

/** The vectors of a tile of tokens. */
export interface Vectors {
  readonly bindings: readonly Binding[];
  readonly enables: NonNullable<Shader["enables"]>;
  /** Functions and workgroup variables. */
  readonly code: string;
  /** Statements that make them ready. */
  readonly stage: string;
  /** WGSL expression of quad `index` of a chunk: a `vec4<f32>`, or `vec4<u32>` of digits. */
  quad(token: number, index: number, chunk: string): string;
  /**
   * Of vectors in digits: WGSL expression of a f32, the product of such a quad with four signed bytes.
   *
   * @param word - a u32 with the bytes
   */
  dot?(word: string, quad: string): string;
}

/** Vectors that are read from their buffer, by chunks of so many elements. Needs `token_0` and so on, the tokens' rows of x. */
export function vectorsInPlace(x: Tensor, elements: number): Vectors {
  const { bindings, code } = loader("x", x);
  return {
    ...{ bindings, code, enables: [], stage: "" },
    quad: (t, i, chunk) => `x4(token_${t}, ${chunk} * ${elements}u + ${4 * i}u)`,
  };
}
