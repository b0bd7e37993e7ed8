import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type NormOperands, type NormParams, norm } from "./norm.ts";

type Case = KernelCase<NormOperands, NormParams>;

const random = (params: NormParams, hidden: number, tokens: number): Case => ({
  name: `${params.kind}, ${hidden} wide, ${tokens} tokens${params.lastOnly ? ", last only" : ""}`,
  operands: async (make) => ({
    out: await make.poison([params.lastOnly ? 1 : 40, hidden]),
    x: await make.random([40, hidden], { deviation: 3 }),
    weight: await make.random([hidden]),
    bias: params.kind === "layer" ? await make.random([hidden]) : undefined,
  }),
  params,
  tokens,
  outputs: ["out"],
});

testKernel(norm, [
  {
    name: "RMSNorm worked out by hand",
    operands: async (make) => ({
      out: await make.poison([2, 2]),
      x: await make.of([3, 4, 0, 2], [2, 2]),
      weight: await make.of([1, 2], [2]),
    }),
    params: { kind: "rms", epsilon: 0 },
    tokens: 2,
    outputs: ["out"],
    expected: [[3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5), 0, 4 / Math.SQRT2]],
  },
  {
    name: "LayerNorm worked out by hand",
    operands: async (make) => ({
      out: await make.poison([1, 4]),
      x: await make.of([1, 2, 3, 6], [1, 4]),
      weight: await make.of([1, 1, 1, 2], [4]),
      bias: await make.of([0, 10, 0, 0], [4]),
    }),
    params: { kind: "layer", epsilon: 0.5 },
    outputs: ["out"],
    expected: [[-2 / 2, 10 - 1 / 2, 0, 6 / 2]],
  },
  ...(["rms", "layer"] as const).flatMap((kind) => [
    random({ kind, epsilon: 1e-5 }, 1, 3),
    random({ kind, epsilon: 1e-5 }, 72, 1),
    random({ kind, epsilon: 1e-5 }, 301, 40),
    random({ kind, epsilon: 1e-5, lastOnly: true }, 129, 17),
  ]),
  {
    // The variance of values far from zero: the mean has to be taken off first.
    name: "LayerNorm of large, nearly equal values",
    operands: async (make) => ({
      out: await make.poison([1, 4]),
      x: await make.of([10001, 10002, 10003, 10006], [1, 4]),
      weight: await make.of([1, 1, 1, 1], [4]),
      bias: await make.of([0, 0, 0, 0], [4]),
    }),
    params: { kind: "layer", epsilon: 0.5 },
    outputs: ["out"],
    expected: [[-1, -0.5, 0, 1.5]],
  },
]);
