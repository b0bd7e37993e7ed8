/**
 * out[i] = x[i]: as fast as memory can be read and written. A measure, not a way to copy; that is `device.copy`.
 */
import { defineKernel, type Shader, ShapeError, type Tensor, u32 } from "@blackmamba/tensor";
import { copyWordsWasm } from "./copy-words.wasm.ts";

/** Operands of {@link copyWords}. */
export type CopyWordsOperands = {
  /** u32 [words], a multiple of 1024 · 4 */
  readonly out: Tensor;
  /** u32 [words] */
  readonly x: Tensor;
};

const WORKGROUP_SIZE = 256;

/** Each thread copies so many times 16 bytes; neighbouring threads neighbouring ones. */
const PER_THREAD = 4;

/** Words that a workgroup copies: a copy's length is a multiple of this. */
export const WORDS_PER_WORKGROUP = WORKGROUP_SIZE * PER_THREAD * 4;

/** Copies words. */
export const copyWords = defineKernel<CopyWordsOperands>({
  name: "copy-words",

  check({ out, x }) {
    const [words] = x.shape;
    if (out.dtype === "u32" && x.dtype === "u32" && out.shape[0] === words && words % WORDS_PER_WORKGROUP === 0) return;
    throw new ShapeError(
      `copy-words: expected two u32 of the same length, a multiple of ${WORDS_PER_WORKGROUP}, ` +
        `found ${out.dtype} [${out.shape.join(", ")}] and ${x.dtype} [${x.shape.join(", ")}]`,
    );
  },

  shader: ({ out, x }): Shader => ({
    bindings: [
      { name: "out", tensor: out, access: "read_write", type: "array<vec4<u32>>" },
      { name: "x", tensor: x, access: "read", type: "array<vec4<u32>>" },
    ],
    code: "",
    workgroupSize: WORKGROUP_SIZE,
    main: `let start = workgroup_id.x * ${WORKGROUP_SIZE * PER_THREAD}u + thread;
  for (var i = 0u; i < ${PER_THREAD}u; i++) { out[start + i * ${WORKGROUP_SIZE}u] = x[start + i * ${WORKGROUP_SIZE}u]; }`,
    workgroups: () => [x.shape[0] / WORDS_PER_WORKGROUP, 1, 1],
  }),

  reference({ out, x }) {
    const [to, from] = [u32(out), u32(x)];
    for (let i = 0; i < to.length; i++) to[i] = from[i];
  },

  // The memcpy of this host.
  cpu({ out, x }) {
    u32(out).set(u32(x));
  },

  wasm: copyWordsWasm,
});
