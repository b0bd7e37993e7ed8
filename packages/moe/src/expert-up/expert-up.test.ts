import { rows } from "@blackmamba/tensor";
import { type KernelCase, type TensorMaker, testKernel } from "@blackmamba/testing";
import { type ExpertUpOperands, type ExpertUpParams, expertUp } from "./expert-up.ts";

type Case = KernelCase<ExpertUpOperands, ExpertUpParams>;
type Dtype = NonNullable<NonNullable<Parameters<TensorMaker["random"]>[1]>["dtype"]>;

const gelu1 = 0.8413447460685429;

const random = (
  experts: number,
  ffn: number,
  hidden: number,
  { dtype = "bf16", bias = false, ...params }: Partial<ExpertUpParams> & { dtype?: Dtype; bias?: boolean } = {},
): Case => ({
  name: `${experts} experts, ${hidden} → ${ffn}, ${dtype}, ${JSON.stringify(params)}${bias ? ", bias" : ""}`,
  operands: async (make) => {
    const width = params.gated === false ? ffn : 2 * ffn;
    return {
      out: await make.poison([1, ffn]),
      expert: await make.poison([1], "u32"),
      routes: await make.poison([1, experts + 1]),
      x: await make.random([1, hidden], { deviation: 3 }),
      norm: await make.random([hidden]),
      router: await make.random([experts, hidden], { dtype: dtype === "q4_0" ? "bf16" : dtype }),
      routerBias: await make.random([experts]),
      up: await make.random([experts, width, hidden], { dtype, deviation: 0.1 }),
      upBias: bias ? await make.random([experts, width]) : undefined,
    };
  },
  params: { gating: "sigmoid", gated: true, epsilon: 1e-5, ...params },
  outputs: ["out", "expert", "routes"],
  tolerance: 2e-6,
});

/** The second and third of three experts: whether the chosen one is among them is for the router to say. */
const part = (routerBias: readonly number[]): Case => ({
  name: `a part of the stack, router bias ${routerBias.join(", ")}`,
  operands: async (make) => {
    const { up, routerBias: _, ...operands } = await random(3, 20, 64, { bias: true }).operands(make);
    return { ...operands, up: rows(up, 1, 3), routerBias: await make.of(routerBias, [3]) };
  },
  params: { gating: "sigmoid", gated: true, epsilon: 1e-5, firstExpert: 1 },
  outputs: ["out", "expert", "routes"],
  tolerance: 2e-6,
});

testKernel(expertUp, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      out: await make.poison([1, 1]),
      expert: await make.poison([1], "u32"),
      routes: await make.poison([1, 3]),
      // Its root mean square is 5, so the normalised vector is [1, 14].
      x: await make.of([1, 7], [1, 2]),
      norm: await make.of([5, 10], [2]),
      router: await make.of([2, 0, 0, 0.25], [2, 2]),
      routerBias: await make.of([0, -1.5], [2]),
      up: await make.of([9, 9, 9, 9, 1, 0, 3, 0.5], [2, 2, 2]),
    }),
    params: { gating: "softmax", gated: true, epsilon: 0 },
    outputs: ["out", "expert", "routes"],
    // Logits 2 and 2: equal gates, the first wins; its rows are [9, 9] and [9, 9].
    expected: [[135 * 135], [0], [2, 2, 0.5]],
  },
  {
    name: "worked out by hand, not gated",
    operands: async (make) => ({
      out: await make.poison([1, 2]),
      expert: await make.poison([1], "u32"),
      routes: await make.poison([1, 3]),
      x: await make.of([1, 7], [1, 2]),
      norm: await make.of([5, 10], [2]),
      router: await make.of([2, 0, 0, 0.5], [2, 2]),
      routerBias: await make.of([0, 0], [2]),
      up: await make.of([9, 9, 9, 9, 1, 0, 2, 0], [2, 2, 2]),
      upBias: await make.of([0, 0, 0, -1], [2, 2]),
    }),
    params: { gating: "sigmoid", gated: false, epsilon: 0 },
    outputs: ["out", "expert", "routes"],
    expected: [[gelu1, gelu1], [1], [2, 7, 1 / (1 + Math.exp(-7))]],
  },
  ...(["f32", "f16", "bf16", "q8_0", "q4_0"] as const).map((dtype) => random(8, 70, 96, { dtype })),
  random(8, 33, 1152, { gating: "softmax" }),
  random(3, 5, 37, { bias: true }),
  random(16, 40, 32, { gated: false, gating: "softmax", bias: true }),
  // The longest that is normalised on the way.
  random(8, 9, 2048, { dtype: "q8_0" }),
  part([0, 0, 99]),
  part([0, 99, 0]),
  part([99, 0, 0]),
]);
