import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type Gating, type RouteOperands, route } from "./route.ts";

type Case = KernelCase<RouteOperands, { gating: Gating }>;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const random = (gating: Gating, experts: number): Case => ({
  name: `${gating}, ${experts} experts`,
  operands: async (make) => ({
    expert: await make.poison([100], "u32"),
    scale: await make.poison([100]),
    logits: await make.random([100, experts], { deviation: 3 }),
  }),
  params: { gating },
  tokens: 70,
  outputs: ["expert", "scale"],
});

testKernel(route, [
  {
    name: "sigmoid worked out by hand: the first of equal gates, also of gates that rounding makes equal",
    operands: async (make) => ({
      expert: await make.poison([4], "u32"),
      scale: await make.poison([4]),
      logits: await make.of([-1, 2, 2, 30, 40, 50, -20, -10, -30, 0, 0, 0], [4, 3]),
    }),
    params: { gating: "sigmoid" },
    tokens: 3,
    outputs: ["expert", "scale"],
    expected: [
      [1, 0, 1, 0xffffffff],
      [sigmoid(2), 1, sigmoid(-10), Number.NaN],
    ],
  },
  {
    // 1 + e is rounded to float32 before the division, so gates become equal long before logits do.
    name: "sigmoid worked out by hand: gates that only float32 arithmetic makes equal",
    operands: async (make) => ({
      expert: await make.poison([2], "u32"),
      scale: await make.poison([2]),
      logits: await make.of([16.7, 17.5, 16.8, 17], [2, 2]),
    }),
    params: { gating: "sigmoid" },
    tokens: 2,
    outputs: ["expert", "scale"],
    expected: [
      [0, 0],
      [1, 1],
    ],
  },
  {
    name: "softmax worked out by hand, with logits that would overflow",
    operands: async (make) => ({
      expert: await make.poison([2], "u32"),
      scale: await make.poison([2]),
      logits: await make.of([0, Math.log(3), 0, 200, 100, 200], [2, 3]),
    }),
    params: { gating: "softmax" },
    tokens: 2,
    outputs: ["expert", "scale"],
    expected: [
      [1, 0],
      [0.6, 0.5],
    ],
  },
  random("sigmoid", 2),
  random("sigmoid", 8),
  random("softmax", 3),
  random("softmax", 64),
]);
