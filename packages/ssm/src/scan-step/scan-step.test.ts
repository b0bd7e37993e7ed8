import { columns, type Tensor } from "@blackmamba/tensor";
import { type KernelCase, type TensorMaker, testKernel } from "@blackmamba/testing";
import { type ScanStepOperands, scanStep } from "./scan-step.ts";

type Case = KernelCase<ScanStepOperands, Record<never, never>>;
type Dtype = NonNullable<NonNullable<Parameters<TensorMaker["random"]>[1]>["dtype"]>;

const silu = (x: number) => x / (1 + Math.exp(-x));

/** As A always is. */
function negative(make: TensorMaker, shape: readonly [number, number]): Promise<Tensor> {
  return make.of(
    Array.from({ length: shape[0] * shape[1] }, (_, i) => -0.01 - Math.abs(Math.sin(i * 12.9898)) * 2),
    shape,
  );
}

const random = (tokens: number, inner: number, states: number, dtRank: number, dtype: Dtype = "bf16"): Case => ({
  name: `${tokens} tokens, ${inner} channels, state ${states}, rank ${dtRank}, ${dtype}`,
  operands: async (make) => {
    const uz = await make.random([tokens + 2, 2 * inner]);
    const dtBC = await make.random([tokens + 2, dtRank + 2 * states]);
    return {
      u: columns(uz, 0, inner),
      z: columns(uz, inner, 2 * inner),
      lowRank: columns(dtBC, 0, dtRank),
      B: columns(dtBC, dtRank, dtRank + states),
      C: columns(dtBC, dtRank + states, dtRank + 2 * states),
      dtProj: await make.random([inner, dtRank], { dtype, deviation: 0.3 }),
      dtBias: await make.random([inner]),
      A: await negative(make, [inner, states]),
      D: await make.random([inner]),
      state: await make.random([tokens + 3, inner, states]),
    };
  },
  params: {},
  tokens,
  outputs: ["u", "state"],
  tolerance: 2e-6,
});

testKernel(scanStep, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      u: await make.of([2], [1, 1]),
      z: await make.of([0.3], [1, 1]),
      lowRank: await make.of([1, 2], [1, 2]),
      B: await make.of([1, 3], [1, 2]),
      C: await make.of([1, 2], [1, 2]),
      dtProj: await make.of([20, 2.5], [1, 2]),
      // Above 20 softplus is the number itself.
      dtBias: await make.of([0], [1]),
      A: await make.of([-Math.LN2 / 25, (-2 * Math.LN2) / 25], [1, 2]),
      D: await make.of([10], [1]),
      state: await make.of([4, 8], [1, 1, 2]),
    }),
    params: {},
    outputs: ["u", "state"],
    // s = [4/2 + 25·2·1, 8/4 + 25·2·3]
    expected: [[(52 + 2 * 152 + 20) * silu(0.3)], [52, 152]],
  },
  random(1, 70, 16, 72),
  random(1, 33, 16, 6, "f32"),
  random(3, 40, 16, 92),
  random(9, 17, 16, 5),
  random(1, 10, 1, 1),
  random(2, 21, 5, 3, "f16"),
  random(1, 8, 40, 32, "q8_0"),
]);
