import { columns } from "@blackmamba/tensor";
import { type KernelCase, type TensorMaker, testKernel } from "@blackmamba/testing";
import { type InProjStepOperands, type InProjStepParams, inProjStep } from "./in-proj-step.ts";

type Case = KernelCase<InProjStepOperands, InProjStepParams>;
type Dtype = NonNullable<NonNullable<Parameters<TensorMaker["random"]>[1]>["dtype"]>;

const silu = (x: number) => x / (1 + Math.exp(-x));

interface Shape {
  readonly tokens?: number;
  readonly capacity?: number;
  readonly inner: number;
  readonly hidden: number;
  readonly taps?: number;
  readonly dtype?: Dtype;
  readonly bias?: boolean;
}

const random = ({
  tokens = 1,
  capacity = tokens,
  inner,
  hidden,
  taps = 4,
  dtype = "bf16",
  bias = false,
}: Shape): Case => ({
  name: `${tokens} of ${capacity} tokens, ${hidden} → ${inner}, ${taps} taps, ${dtype}${bias ? ", bias" : ""}`,
  operands: async (make) => {
    const uz = await make.poison([capacity, 2 * inner]);
    return {
      u: columns(uz, 0, inner),
      z: columns(uz, inner, 2 * inner),
      x: await make.random([capacity, hidden], { deviation: 3 }),
      norm: capacity === 1 ? await make.random([hidden]) : undefined,
      weights: await make.random([2 * inner, hidden], { dtype, deviation: 0.1 }),
      bias: bias ? await make.random([2 * inner]) : undefined,
      conv: await make.random([inner, taps]),
      convBias: await make.random([inner]),
      state: taps > 1 ? await make.random([capacity + 1, taps - 1, inner]) : undefined,
    };
  },
  params: { epsilon: 1e-5 },
  tokens,
  outputs: taps > 1 ? ["u", "state"] : ["u"],
  tolerance: 2e-6,
});

testKernel(inProjStep, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      u: await make.poison([1, 1]),
      z: await make.poison([1, 1]),
      // Its root mean square is 5.
      x: await make.of([1, 7], [1, 2]),
      norm: await make.of([5, 10], [2]),
      weights: await make.of([1, -1, 2, 1], [2, 2]),
      bias: await make.of([100, 1000], [2]),
      conv: await make.of([3, -2, 0.5], [1, 3]),
      convBias: await make.of([10], [1]),
      state: await make.of([4, 5], [1, 2, 1]),
    }),
    params: { epsilon: 0 },
    outputs: ["u", "z", "state"],
    // v = [1 − 14 + 100, 2 + 14 + 1000]
    expected: [[silu(10 + 12 - 10 + 43.5)], [1016], [5, 87]],
  },
  ...(["f32", "f16", "bf16", "q8_0", "q4_0"] as const).map((dtype) => random({ inner: 70, hidden: 96, dtype })),
  random({ inner: 5, hidden: 37, dtype: "bf16", bias: true }),
  random({ inner: 64, hidden: 1152, taps: 1, bias: true }),
  random({ inner: 33, hidden: 72, taps: 2 }),
  // The longest that is normalised on the way.
  random({ inner: 9, hidden: 2048, dtype: "f32" }),
  random({ tokens: 3, inner: 40, hidden: 64, bias: true }),
  random({ tokens: 11, capacity: 16, inner: 24, hidden: 320, dtype: "q8_0" }),
  random({ tokens: 33, capacity: 40, inner: 9, hidden: 31 }),
  // Vectors that a GPU's nearest cache does not hold.
  random({ tokens: 9, inner: 7, hidden: 1472 }),
  random({ tokens: 8, inner: 9, hidden: 1472, dtype: "q8_0" }),
]);
