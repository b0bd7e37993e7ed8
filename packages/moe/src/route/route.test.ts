import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type Gating, type RouteOperands, route } from "./route.ts";

type Case = KernelCase<RouteOperands, { gating: Gating }>;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const random = (gating: Gating, experts: number): Case => ({
  name: `${gating}, ${experts} experts`,
  operands: async (make) => ({
    expert: await make.poison([100], "u32"),
    routes: await make.random([100, experts + 1], { deviation: 3 }),
  }),
  params: { gating },
  tokens: 70,
  outputs: ["expert", "routes"],
});

testKernel(route, [
  {
    name: "sigmoid worked out by hand: the first of equal gates, also of gates that rounding makes equal",
    operands: async (make) => ({
      expert: await make.poison([4], "u32"),
      routes: await make.of([-1, 2, 2, 9, 30, 40, 50, 9, -20, -10, -30, 9, 0, 0, 0, 9], [4, 4]),
    }),
    params: { gating: "sigmoid" },
    tokens: 3,
    outputs: ["expert", "routes"],
    expected: [
      [1, 0, 1, 0xffffffff],
      [-1, 2, 2, sigmoid(2), 30, 40, 50, 1, -20, -10, -30, sigmoid(-10), 0, 0, 0, 9],
    ],
  },
  {
    // 1 + e is rounded to float32 before the division, so gates become equal long before logits do.
    name: "sigmoid worked out by hand: gates that only float32 arithmetic makes equal",
    operands: async (make) => ({
      expert: await make.poison([2], "u32"),
      routes: await make.of([16.7, 17.5, 9, 16.8, 17, 9], [2, 3]),
    }),
    params: { gating: "sigmoid" },
    tokens: 2,
    outputs: ["expert", "routes"],
    expected: [
      [0, 0],
      [16.7, 17.5, 1, 16.8, 17, 1],
    ],
  },
  {
    name: "softmax worked out by hand, with logits that would overflow",
    operands: async (make) => ({
      expert: await make.poison([2], "u32"),
      routes: await make.of([0, Math.log(3), 0, 9, 200, 100, 200, 9], [2, 4]),
    }),
    params: { gating: "softmax" },
    tokens: 2,
    outputs: ["expert", "routes"],
    expected: [
      [1, 0],
      [0, Math.log(3), 0, 0.6, 200, 100, 200, 0.5],
    ],
  },
  random("sigmoid", 2),
  random("sigmoid", 8),
  random("softmax", 3),
  random("softmax", 64),
]);
