import { columns, createCpuDevice, Program } from "@blackmamba/tensor";
import { expectClose, type KernelCase, randomNumbers, type TensorMaker, testKernel } from "@blackmamba/testing";
import { test } from "vitest";
import { selectiveScan } from "../selective-scan/selective-scan.ts";
import { type HiddenAttentionOperands, hiddenAttention } from "./hidden-attention.ts";

type Case = KernelCase<HiddenAttentionOperands, Record<never, never>>;

/** Time steps as trained models have them, from a thousandth to about one. */
const timeSteps = (seed: number, count: number) => randomNumbers(seed, count).map((x) => Math.exp(1.5 * x - 3));

/** −A from about 0.2 to 20. */
const decays = (seed: number, count: number) => randomNumbers(seed, count).map((x) => -Math.exp(1.3 * x + 0.7));

const CAPACITY = 150;

const random = (tokens: number, width: number, inner: number, states: number): Case => ({
  name: `${tokens} tokens, ${width} columns, ${inner} channels, state ${states}`,
  operands: async (make: TensorMaker) => {
    const dtBC = await make.random([CAPACITY, 3 + 2 * states]);
    const xz = await make.of(timeSteps(7, CAPACITY * 2 * inner), [CAPACITY, 2 * inner]);
    return {
      out: await make.poison([CAPACITY, width]),
      dt: columns(xz, 0, inner),
      A: await make.of(decays(8, inner * states), [inner, states]),
      B: columns(dtBC, 3, 3 + states),
      C: columns(dtBC, 3 + states, 3 + 2 * states),
    };
  },
  params: {},
  tokens,
  outputs: ["out"],
  tolerance: 2e-6,
});

testKernel(hiddenAttention, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      out: columns(await make.of([9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], [3, 4]), 1, 4),
      dt: await make.of([1, 2, 1, 1, 3, 2], [3, 2]),
      A: await make.of([-Math.LN2, -2 * Math.LN2], [2, 1]),
      B: await make.of([1, 4, 2], [3, 1]),
      C: await make.of([2, 8, -16], [3, 1]),
    }),
    params: {},
    tokens: 3,
    outputs: ["out"],
    expected: [
      [
        ...[9, (2 * (1 + 2)) / 2, 0, 0],
        // dt of token 1 is 1: halved in the first channel, quartered in the second.
        ...[9, (8 * (1 / 2 + 2 / 4)) / 2, (8 * 4 * (1 + 1)) / 2, 0],
        // dt of token 2 is 3 and 2.
        ...[9, (-16 * (1 / 16 + 2 / 64)) / 2, (-16 * 4 * (1 / 8 + 1 / 16)) / 2, (-16 * 2 * (3 + 2)) / 2],
      ],
    ],
  },
  // One token; more columns than tokens, and fewer; channels that a workgroup's threads do not divide.
  random(1, 1, 130, 16),
  random(1, 5, 5, 3),
  random(2, 2, 3, 1),
  random(31, 31, 64, 16),
  random(32, 40, 17, 8),
  random(33, 33, 65, 5),
  random(150, 150, 20, 16),
  random(130, 70, 37, 20),
  random(70, 3, 70, 200),
  // So many states that the CPU leaves them to the reference.
  random(5, 5, 2, 260),
  random(97, 100, 1, 4),
]);

test("each channel's matrix times its inputs is what the scan gives", async () => {
  const [tokens, inner, states] = [40, 5, 6];
  const device = createCpuDevice({ referencesOnly: true });
  const of = async (values: ArrayLike<number>, shape: number[]) => {
    const tensor = device.createTensor("f32", shape, "operand");
    await device.write(tensor, Float32Array.from(values));
    return tensor;
  };
  const inputs = randomNumbers(1, tokens * inner);
  const steps = timeSteps(2, tokens * inner);
  const rates = decays(3, inner * states);
  const B = await of(randomNumbers(4, tokens * states), [tokens, states]);
  const C = await of(randomNumbers(5, tokens * states), [tokens, states]);
  const skips = randomNumbers(6, inner);
  const y = await of([], [tokens, inner]);
  // silu(100) is 100: no gate but a factor.
  const scan = {
    ...{ out: y, u: await of(inputs, [tokens, inner]), dt: await of(steps, [tokens, inner]) },
    ...{ A: await of(rates, [inner, states]), B, C, D: await of(skips, [inner]) },
    ...{ z: await of(Array(tokens * inner).fill(100), [tokens, inner]), state: await of([], [inner, states]) },
  };
  const program = new Program("scan and its matrices");
  program.call(selectiveScan, scan, {});
  const matrices = [];
  for (let d = 0; d < inner; d++) {
    const out = await of([], [tokens, tokens]);
    const A = await of(rates.subarray(d * states, (d + 1) * states), [1, states]);
    program.call(hiddenAttention, { out, dt: columns(scan.dt, d, d + 1), A, B, C }, {});
    matrices.push(out);
  }
  await device.run([await device.prepare(program)], { tokens });

  const expected = await device.read(y);
  const found = new Float32Array(tokens * inner);
  for (const [d, matrix] of matrices.entries()) {
    const weights = await device.read(matrix);
    for (let t = 0; t < tokens; t++) {
      let sum = Number(skips[d]) * Number(inputs[t * inner + d]);
      for (let s = 0; s < tokens; s++) {
        sum += states * Number(weights[t * tokens + s]) * Number(inputs[s * inner + d]);
      }
      found[t * inner + d] = 100 * sum;
    }
  }
  expectClose(found, expected, 1e-6, "of the scan's output");
});
