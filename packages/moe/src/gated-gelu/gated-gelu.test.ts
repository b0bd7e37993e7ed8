import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type GatedGeluOperands, gatedGelu } from "./gated-gelu.ts";

type Case = KernelCase<GatedGeluOperands, { gated: boolean }>;

const random = (gated: boolean, ffn: number): Case => ({
  name: `${gated ? "gated" : "plain"}, ${ffn} wide`,
  operands: async (make) => ({
    out: await make.poison([9, ffn]),
    x: await make.random([9, gated ? 2 * ffn : ffn], { deviation: 2 }),
  }),
  params: { gated },
  tokens: 7,
  outputs: ["out"],
});

testKernel(gatedGelu, [
  {
    name: "worked out by hand: the gate is the first half",
    operands: async (make) => ({
      out: await make.poison([1, 2]),
      x: await make.of([1, -1, 10, 100], [1, 4]),
    }),
    params: { gated: true },
    outputs: ["out"],
    // gelu(1) = 0.8413447461, gelu(−1) = −0.1586552539: the normal distribution function
    expected: [[8.413447461, -15.86552539]],
  },
  random(true, 100),
  random(false, 33),
]);
