/**
 * Chains of multiply-adds that depend on nothing but themselves: as fast as float32 arithmetic can go. For each thread i
 *   c[j] = x[i] + j,   then rounds times c[j] = c[j] · factor + x[i],   for 12 chains j;   out[i] = Σ c[j]
 */
import { defineKernel, f32, type Shader, ShapeError, type Tensor } from "@blackmamba/tensor";
import { fmaChainsWasm } from "./fma-chains.wasm.ts";
import { CHAINS, FACTOR } from "./fma-sizes.ts";

/** Operands of {@link fmaChains}. */
export type FmaChainsOperands = {
  /** f32 [threads] */
  readonly out: Tensor;
  /** f32 [threads] */
  readonly x: Tensor;
};

const WORKGROUP_SIZE = 256;

/** Floating-point operations of a call, a multiply-add as two. */
export function fmaFlops(threads: number, rounds: number): number {
  return threads * rounds * CHAINS * 2;
}

/** Multiply-adds in registers. */
export const fmaChains = defineKernel<FmaChainsOperands, { readonly rounds: number }>({
  name: "fma-chains",

  check({ out, x }) {
    if (out.dtype === "f32" && x.dtype === "f32" && out.shape[0] === x.shape[0]) return;
    throw new ShapeError(
      `fma-chains: expected two f32 of the same length, ` +
        `found ${out.dtype} [${out.shape.join(", ")}] and ${x.dtype} [${x.shape.join(", ")}]`,
    );
  },

  shader: ({ out, x }, { rounds }): Shader => ({
    bindings: [
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      { name: "x", tensor: x, access: "read", type: "array<f32>" },
    ],
    code: "",
    workgroupSize: WORKGROUP_SIZE,
    main: `let i = workgroup_id.x * ${WORKGROUP_SIZE}u + thread;
  if (i >= ${x.shape[0]}u) { return; }
  let b = vec4<f32>(x[i]);
  let a = vec4<f32>(${FACTOR});
  var c0 = b + vec4<f32>(0.0, 1.0, 2.0, 3.0);
  var c1 = b + vec4<f32>(4.0, 5.0, 6.0, 7.0);
  var c2 = b + vec4<f32>(8.0, 9.0, 10.0, 11.0);
  for (var round = 0u; round < ${rounds}u; round++) {
    c0 = fma(c0, a, b);
    c1 = fma(c1, a, b);
    c2 = fma(c2, a, b);
  }
  out[i] = dot(c0 + c1 + c2, vec4<f32>(1.0));`,
    workgroups: () => [Math.ceil(x.shape[0] / WORKGROUP_SIZE), 1, 1],
  }),

  reference({ out, x }, { rounds }) {
    const [sums, values] = [f32(out), f32(x)];
    for (let i = 0; i < sums.length; i++) {
      let sum = 0;
      for (let chain = 0; chain < CHAINS; chain++) sum += chainOf(values[i] + chain, values[i], rounds);
      sums[i] = sum;
    }
  },

  cpu({ out, x }, { rounds }) {
    const [sums, values] = [f32(out), f32(x)];
    for (let i = 0; i < sums.length; i++) sums[i] = allChains(values[i], rounds);
  },

  wasm: fmaChainsWasm,
});

function chainOf(start: number, b: number, rounds: number): number {
  let c = start;
  for (let round = 0; round < rounds; round++) c = c * FACTOR + b;
  return c;
}

/** All chains in registers, with float32 arithmetic: V8 keeps both operations single where each is rounded. */
function allChains(x: number, rounds: number): number {
  const [a, b] = [Math.fround(FACTOR), Math.fround(x)];
  let c0 = Math.fround(b + 0);
  let c1 = Math.fround(b + 1);
  let c2 = Math.fround(b + 2);
  let c3 = Math.fround(b + 3);
  let c4 = Math.fround(b + 4);
  let c5 = Math.fround(b + 5);
  let c6 = Math.fround(b + 6);
  let c7 = Math.fround(b + 7);
  let c8 = Math.fround(b + 8);
  let c9 = Math.fround(b + 9);
  let c10 = Math.fround(b + 10);
  let c11 = Math.fround(b + 11);
  for (let round = 0; round < rounds; round++) {
    c0 = Math.fround(Math.fround(c0 * a) + b);
    c1 = Math.fround(Math.fround(c1 * a) + b);
    c2 = Math.fround(Math.fround(c2 * a) + b);
    c3 = Math.fround(Math.fround(c3 * a) + b);
    c4 = Math.fround(Math.fround(c4 * a) + b);
    c5 = Math.fround(Math.fround(c5 * a) + b);
    c6 = Math.fround(Math.fround(c6 * a) + b);
    c7 = Math.fround(Math.fround(c7 * a) + b);
    c8 = Math.fround(Math.fround(c8 * a) + b);
    c9 = Math.fround(Math.fround(c9 * a) + b);
    c10 = Math.fround(Math.fround(c10 * a) + b);
    c11 = Math.fround(Math.fround(c11 * a) + b);
  }
  return c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
}
