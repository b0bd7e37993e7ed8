import { columns, type Tensor } from "@blackmamba/tensor";
import { type KernelCase, type TensorMaker, testKernel } from "@blackmamba/testing";
import { type SelectiveScanOperands, selectiveScan } from "./selective-scan.ts";

type Case = KernelCase<SelectiveScanOperands, Record<never, never>>;

const silu = (x: number) => x / (1 + Math.exp(-x));

/** −|x|, as A always is negative, and |x| for the time step. */
async function withSign(make: TensorMaker, shape: number[], sign: number): Promise<Tensor> {
  const count = shape.reduce((a, b) => a * b);
  return make.of(
    Array.from({ length: count }, (_, i) => sign * (0.01 + Math.abs(Math.sin(i * 12.9898)) * 2)),
    shape,
  );
}

const random = (tokens: number, inner: number, states: number): Case => ({
  name: `${tokens} tokens, ${inner} channels, state ${states}`,
  operands: async (make) => {
    const dtBC = await make.random([60, 3 + 2 * states]);
    return {
      out: await make.poison([60, inner]),
      u: await make.random([60, inner]),
      dt: await withSign(make, [60, inner], 0.5),
      A: await withSign(make, [inner, states], -1),
      B: columns(dtBC, 3, 3 + states),
      C: columns(dtBC, 3 + states, 3 + 2 * states),
      D: await make.random([inner]),
      z: columns(await make.random([60, 2 * inner]), inner, 2 * inner),
      state: await make.random([inner, states]),
    };
  },
  params: {},
  tokens,
  outputs: ["out", "state"],
  tolerance: 2e-6,
});

/** As the Mamba layer has it: the result in place of u, and dt beside z. */
const inPlace = (tokens: number, inner: number, states: number): Case => {
  const apart = random(tokens, inner, states);
  return {
    ...apart,
    name: `${apart.name}, in place`,
    operands: async (make) => {
      const operands = await apart.operands(make);
      const xz = await withSign(make, [60, 2 * inner], 0.5);
      const [dt, z] = [columns(xz, 0, inner), columns(xz, inner, 2 * inner)];
      return { ...operands, out: operands.u, dt, z };
    },
  };
};

testKernel(selectiveScan, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      out: await make.poison([2, 1]),
      u: await make.of([2, 1], [2, 1]),
      dt: await make.of([1, 0.5], [2, 1]),
      A: await make.of([-Math.LN2, -2 * Math.LN2], [1, 2]),
      B: columns(await make.of([1, 3, 9, 2, 0, 9], [2, 3]), 0, 2),
      C: await make.of([1, 1, 2, 1], [2, 2]),
      D: await make.of([10], [1]),
      z: await make.of([0.3, -0.2], [2, 1]),
      state: await make.of([4, 8], [1, 2]),
    }),
    params: {},
    tokens: 2,
    outputs: ["out", "state"],
    // s = [4/2 + 2·1, 8/4 + 2·3] = [4, 8], then [4/√2 + 0.5·2, 8/2 + 0]
    expected: [
      [(4 + 8 + 20) * silu(0.3), (2 * (4 / Math.SQRT2 + 1) + 4 + 10) * silu(-0.2)],
      [4 / Math.SQRT2 + 1, 4],
    ],
  },
  random(1, 130, 16),
  random(60, 64, 16),
  random(33, 5, 8),
  random(7, 3, 1),
  // States that lanes do not divide; so many that a tile holds fewer tokens; too many for tiles.
  random(20, 17, 3),
  random(37, 18, 20),
  random(20, 2, 50),
  random(3, 2, 200),
  ...[1, 15, 16, 17, 60].map((tokens) => inPlace(tokens, 21, 16)),
  inPlace(37, 18, 20),
  inPlace(5, 70, 200),
]);
