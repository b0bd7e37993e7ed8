import { createCpuDevice, Program, ShapeError } from "@blackmamba/tensor";
import { type KernelCase, type TensorMaker, testKernel } from "@blackmamba/testing";
import { expect, test } from "vitest";
import { type NormRouteOperands, type NormRouteParams, normRoute } from "./norm-route.ts";

type Case = KernelCase<NormRouteOperands, NormRouteParams>;
type Dtype = NonNullable<NonNullable<Parameters<TensorMaker["random"]>[1]>["dtype"]>;

const random = (
  [tokens, capacity]: readonly [number, number],
  experts: number,
  hidden: number,
  { dtype = "bf16", ...params }: Partial<NormRouteParams> & { dtype?: Dtype } = {},
): Case => ({
  name: `${tokens} of ${capacity} tokens, ${hidden} → ${experts} experts, ${dtype}, ${JSON.stringify(params)}`,
  operands: async (make) => ({
    normed: await make.poison([capacity, hidden]),
    expert: await make.poison([capacity], "u32"),
    routes: await make.poison([capacity, experts + 1]),
    x: await make.random([capacity, hidden], { deviation: 3 }),
    norm: await make.random([hidden]),
    router: await make.random([experts, hidden], { dtype }),
    routerBias: await make.random([experts]),
  }),
  params: { gating: "sigmoid", epsilon: 1e-5, ...params },
  tokens,
  outputs: ["normed", "expert", "routes"],
  tolerance: 2e-6,
});

testKernel(normRoute, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      normed: await make.poison([2, 2]),
      expert: await make.poison([2], "u32"),
      routes: await make.poison([2, 3]),
      // The root mean square of the first is 5, of the second 1.
      x: await make.of([1, 7, -1, 1], [2, 2]),
      norm: await make.of([5, 10], [2]),
      router: await make.of([2, 0, 0, 0.25], [2, 2]),
      routerBias: await make.of([0, -1.5], [2]),
    }),
    params: { gating: "softmax", epsilon: 0 },
    tokens: 2,
    outputs: ["normed", "expert", "routes"],
    // Logits 2 and 2: equal gates, the first wins. Then −10 and 1.
    expected: [
      [1, 14, -5, 10],
      [0, 1],
      [2, 2, 0.5, -10, 1, 1 / (1 + Math.exp(-11))],
    ],
  },
  random([5, 7], 8, 1152),
  random([33, 33], 8, 1472, { gating: "softmax" }),
  random([3, 3], 3, 37),
  random([2, 2], 16, 2048, { dtype: "f32" }),
  random([4, 4], 1, 64, { dtype: "f16", epsilon: 0.5 }),
  random([9, 9], 5, 96, { dtype: "q8_0", gating: "softmax" }),
]);

test("longer vectors and more experts are refused", () => {
  const device = createCpuDevice();
  const tensor = (...shape: number[]) => device.createTensor("f32", shape, "t");
  const call = (experts: number, hidden: number) => () =>
    new Program("too many").call(
      normRoute,
      {
        ...{ normed: tensor(2, hidden), routes: tensor(2, experts + 1), x: tensor(2, hidden), norm: tensor(hidden) },
        expert: device.createTensor("u32", [2], "t"),
        ...{ router: tensor(experts, hidden), routerBias: tensor(experts) },
      },
      { gating: "sigmoid", epsilon: 0 },
    );
  expect(call(16, 2048)).not.toThrow();
  expect(call(17, 64)).toThrow(ShapeError);
  expect(call(8, 2052)).toThrow("found 8 and 2052; use norm, linear and route");
});
