import { columns } from "@blackmamba/tensor";
import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type CausalConvOperands, causalConv } from "./causal-conv.ts";

type Case = KernelCase<CausalConvOperands, Record<never, never>>;

const silu = (x: number) => x / (1 + Math.exp(-x));

const random = (tokens: number, inner: number, taps: number): Case => ({
  name: `${tokens} tokens, ${inner} channels, ${taps} taps`,
  operands: async (make) => ({
    out: await make.poison([50, inner]),
    x: columns(await make.random([50, 2 * inner + 1]), 1, inner + 1),
    weight: await make.random([inner, taps]),
    bias: await make.random([inner]),
    state: taps > 1 ? await make.random([taps - 1, inner]) : undefined,
  }),
  params: {},
  tokens,
  outputs: taps > 1 ? ["out", "state"] : ["out"],
});

testKernel(causalConv, [
  {
    name: "worked out by hand: one token, the state moves up",
    operands: async (make) => ({
      out: await make.poison([1, 1]),
      x: await make.of([4], [1, 1]),
      weight: await make.of([1, 10, 100, 1000], [1, 4]),
      bias: await make.of([0.5], [1]),
      state: await make.of([1, 2, 3], [3, 1]),
    }),
    params: {},
    outputs: ["out", "state"],
    expected: [[silu(4321.5)], [2, 3, 4]],
  },
  {
    name: "worked out by hand: more tokens than the state holds",
    operands: async (make) => ({
      out: await make.poison([3, 1]),
      x: await make.of([1, -1, 0.5], [3, 1]),
      weight: await make.of([1, 2], [1, 2]),
      bias: await make.of([0], [1]),
      state: await make.of([3], [1, 1]),
    }),
    params: {},
    tokens: 3,
    outputs: ["out", "state"],
    expected: [[silu(5), silu(-1), silu(0)], [0.5]],
  },
  ...[1, 2, 3, 4, 16, 17, 50].map((tokens) => random(tokens, 70, 4)),
  random(5, 9, 3),
  random(20, 9, 1),
  // More taps than a block has tokens.
  random(50, 9, 25),
]);
