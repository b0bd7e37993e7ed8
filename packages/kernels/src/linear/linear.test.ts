import {
  columns,
  createCpuDevice,
  type Device,
  elementCount,
  Program,
  rows,
  ShapeError,
  type Tensor,
} from "@blackmamba/tensor";
import { expectClose, type KernelCase, type TensorMaker, testDeviceVariants, testKernel } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { type LinearOperands, type LinearParams, linear, recordLinear } from "./linear.ts";

type Case = KernelCase<LinearOperands, LinearParams>;
type Dtype = NonNullable<NonNullable<Parameters<TensorMaker["random"]>[1]>["dtype"]>;

const dense = (tokens: number, inputs: number, outputs: number, dtype: Dtype): Case => ({
  name: `${tokens} tokens, ${inputs} → ${outputs}, ${dtype}`,
  operands: async (make) => ({
    out: await make.poison([tokens, outputs]),
    x: await make.random([tokens, inputs]),
    weights: await make.random([outputs, inputs], { dtype }),
  }),
  params: {},
  tokens,
  outputs: ["out"],
});

const sizes: Case[] = [
  ...(["f32", "f16", "bf16", "q8_0", "q4_0"] as const).flatMap((dtype) => [
    dense(1, 64, 96, dtype),
    dense(2, 320, 100, dtype),
    dense(11, 96, 2100, dtype),
    dense(1, 2304, 70, dtype),
    dense(33, 96, 65, dtype),
    dense(40, 256, 33, dtype),
  ]),
  // Sizes that divide nothing.
  ...(["f32", "f16", "bf16"] as const).flatMap((dtype) => [
    dense(1, 37, 5, dtype),
    dense(3, 37, 5, dtype),
    dense(1, 1, 1, dtype),
    dense(35, 75, 99, dtype),
  ]),
];

/** Expert of each token: all of three experts, unevenly, one of them never. */
const EXPERTS = [2, 0, 2, 2, 0, 2, 2];

const grouped = (dtype: Dtype, tokens: number, inputs = 64, isGrouped = true): Case => ({
  name: `${tokens} tokens, each with its expert, ${inputs} inputs, ${dtype}${isGrouped ? "" : ", not grouped"}`,
  operands: async (make) => {
    const expert = Array.from({ length: tokens }, (_, t) => EXPERTS[t % EXPERTS.length]);
    const starts = [0, 1, 2, 3].map((e) => expert.filter((own) => own < e).length);
    const order = [0, 1, 2].flatMap((e) => expert.flatMap((own, t) => (own === e ? [t] : [])));
    return {
      out: await make.random([tokens, 70]),
      x: await make.random([tokens, inputs]),
      weights: await make.random([3, 70, inputs], { dtype }),
      bias: await make.random([3, 70]),
      expert: await make.of(expert, [tokens], "u32"),
      groups: isGrouped ? await make.of([...starts, ...order], [4 + tokens], "u32") : undefined,
      scale: columns(await make.random([tokens, 5]), 3, 4),
    };
  },
  params: { accumulate: true },
  tokens,
  outputs: ["out"],
});

/** With the norm, and what experts make of two rows. */
const fused = (tokens: number, dtype: Dtype, inputs: number, activation: LinearParams["activation"]): Case => ({
  name: `${tokens} tokens, normalised, ${inputs} inputs, ${activation}, ${dtype}`,
  operands: async (make) => ({
    out: await make.poison([tokens, 45]),
    x: await make.random([tokens, inputs], { deviation: 3 }),
    weights: await make.random([activation === "gated-gelu" ? 90 : 45, inputs], { dtype, deviation: 0.2 }),
    norm: await make.random([inputs]),
    bias: await make.random([activation === "gated-gelu" ? 90 : 45]),
  }),
  params: { activation, epsilon: 0.01 },
  tokens,
  outputs: ["out"],
});

const gatedExperts = (tokens: number, dtype: Dtype, inputs = 64): Case => ({
  name: `${tokens} tokens, each with its gated expert, ${inputs} inputs, ${dtype}`,
  operands: async (make) => {
    const { expert, groups, x, bias } = await grouped(dtype, tokens, inputs).operands(make);
    return {
      out: await make.poison([tokens, 35]),
      weights: await make.random([3, 70, inputs], { dtype, deviation: 0.2 }),
      ...{ expert, groups, x, bias },
    };
  },
  params: { activation: "gated-gelu" },
  tokens,
  outputs: ["out"],
});

const epilogues: Case[] = [1, 5].flatMap((tokens) => [
  {
    name: `${tokens} tokens, bias and softplus, from and to views of columns`,
    operands: async (make) => ({
      out: columns(await make.poison([tokens, 50]), 3, 43),
      x: columns(await make.random([tokens, 20], { deviation: 4 }), 4, 13),
      weights: await make.random([40, 9], { dtype: "bf16" }),
      bias: columns(await make.random([60]), 7, 47),
    }),
    params: { activation: "softplus" },
    tokens,
    outputs: ["out"],
  },
  {
    name: `${tokens} of 64 tokens: the rest stays as it is`,
    operands: async (make) => ({
      out: await make.poison([64, 8]),
      x: await make.random([64, 16]),
      weights: await make.random([8, 16]),
    }),
    params: {},
    tokens,
    outputs: ["out"],
  },
]);

testKernel(linear, [
  {
    name: "worked out by hand",
    operands: async (make) => ({
      out: await make.of([10, 20, 30, 40], [2, 2]),
      x: await make.of([1, 2, 3, 4, 5, 6], [2, 3]),
      weights: await make.of([1, 0, -1, 0.5, 0.5, 0.5], [2, 3]),
      bias: await make.of([100, 200], [2]),
      scale: await make.of([2, -1], [2, 1]),
    }),
    params: { accumulate: true },
    tokens: 2,
    outputs: ["out"],
    expected: [[10 + 2 * 98, 20 + 2 * 203, 30 - 98, 40 - 207.5]],
  },
  ...sizes,
  ...epilogues,
  ...(["f32", "bf16", "q8_0", "q4_0"] as const).flatMap((dtype) => [1, 7, 130].map((tokens) => grouped(dtype, tokens))),
  ...([undefined, "softplus", "gelu", "gated-gelu"] as const).flatMap((activation) => [
    fused(1, "bf16", 72, activation),
    fused(1, "f32", 37, activation),
    fused(1, "q8_0", 288, activation),
    fused(1, "f16", 1500, activation),
  ]),
  ...[1, 7, 130].map((tokens) => gatedExperts(tokens, "bf16")),
  grouped("bf16", 9, 37),
  ...(["f32", "f16", "bf16", "q8_0", "q4_0"] as const).map((dtype) => grouped(dtype, 33, 96, false)),
  grouped("bf16", 2, 37, false),
  // Vectors that do not fit into workgroup memory as a whole.
  grouped("bf16", 64, 3072, false),
  grouped("q8_0", 32, 3872, false),
  dense(32, 2944, 70, "bf16"),
  // So few inputs that lanes are no more than the smallest subgroups have, and hand over sums.
  ...[7, 16, 30].map((inputs) => dense(9, inputs, 1100, "f32")),
  dense(5, 32, 2500, "bf16"),
  dense(3, 64, 600, "q8_0"),
  gatedExperts(40, "f32", 16),
  dense(8, 3872, 40, "q4_0"),
]);

// The CPU device binds any size.
const gpus = testDeviceVariants().filter(({ label }) => label.startsWith("webgpu"));
describe.each(gpus)("weights larger than one operand may be, on $label", ({ open }) => {
  // The device's limit cannot be lowered, so the tensor claims a lower one: as on adapters that bind 128 MiB.
  const limited = (tensor: Tensor, maxOperandByteLength: number): Tensor => ({
    ...tensor,
    storage: Object.assign(Object.create(tensor.storage) as Tensor["storage"], {
      ...tensor.storage,
      maxOperandByteLength,
    }),
  });

  const fill = (device: Device, tensor: Tensor, element: (i: number) => number) =>
    device.write(
      tensor,
      Float32Array.from({ length: elementCount(tensor.shape) }, (_, i) => element(i)),
    );

  test.each([1, 4])("are split by outputs, %i tokens", async (tokens) => {
    const device = await open();
    const x = device.createTensor("f32", [tokens, 64], "x");
    const weights = device.createTensor("f32", [100, 64], "weights");
    const bias = device.createTensor("f32", [100], "bias");
    const [whole, split] = ["whole", "split"].map((label) => device.createTensor("f32", [tokens, 100], label));
    await fill(device, x, Math.sin);
    await fill(device, weights, Math.cos);
    await fill(device, bias, (i) => i);
    const program = new Program("split");
    recordLinear(program, { out: whole, x, weights, bias });
    recordLinear(program, { out: split, x, weights: limited(weights, 30 * 256), bias });
    expect(program.calls.length).toBe(1 + 4);
    await device.run([await device.prepare(program)], { tokens });
    expectClose(await device.read(split), await device.read(whole), 0);
  });

  test.each([1, 40])("are split by experts, %i tokens", async (tokens) => {
    const device = await open();
    const x = device.createTensor("f32", [tokens, 64], "x");
    const weights = device.createTensor("f32", [5, 20, 64], "weights");
    const bias = device.createTensor("f32", [5, 20], "bias");
    const expert = device.createTensor("u32", [tokens], "expert");
    const groups = device.createTensor("u32", [6 + tokens], "groups");
    const [whole, split] = ["whole", "split"].map((label) => device.createTensor("f32", [tokens, 20], label));
    const chosen = Array.from({ length: tokens }, (_, t) => (t * 3 + 4) % 5);
    const starts = [0, 1, 2, 3, 4, 5].map((e) => chosen.filter((own) => own < e).length);
    const order = [0, 1, 2, 3, 4].flatMap((e) => chosen.flatMap((own, t) => (own === e ? [t] : [])));
    await fill(device, x, Math.sin);
    await fill(device, weights, Math.cos);
    await fill(device, bias, (i) => i);
    await device.write(expert, Uint32Array.from(chosen));
    await device.write(groups, Uint32Array.from([...starts, ...order]));
    const program = new Program("split");
    recordLinear(program, { out: whole, x, weights, bias, expert, groups });
    recordLinear(program, { out: split, x, weights: limited(weights, 2 * 20 * 256), bias, expert, groups });
    expect(program.calls.length).toBe(1 + 3);
    await device.run([await device.prepare(program)], { tokens });
    expectClose(await device.read(split), await device.read(whole), 0);
  });
});

test("experts of more than a few tokens have to be grouped", () => {
  const device = createCpuDevice();
  const tensor = (...shape: number[]) => device.createTensor("f32", shape, "t");
  const call = (tokens: number, groups?: number) => () =>
    new Program("experts").call(
      linear,
      {
        ...{ out: tensor(tokens, 4), x: tensor(tokens, 3), weights: tensor(2, 4, 3) },
        expert: device.createTensor("u32", [tokens], "t"),
        groups: groups === undefined ? undefined : device.createTensor("u32", [groups], "t"),
      },
      {},
    );
  expect(call(64)).not.toThrow();
  expect(call(65)).toThrow("linear: operand groups: expected shape [at least 68], found none");
  expect(call(65, 68)).not.toThrow();
  expect(call(5, 7)).toThrow("linear: operand groups: expected shape [at least 8], found [7]");
});

test("operands that do not fit are refused by name", () => {
  const device = createCpuDevice();
  const tensor = (...shape: number[]) => device.createTensor("f32", shape, "t");
  const program = new Program("wrong");
  const call = (weights: Tensor) => () => program.call(linear, { out: tensor(2, 4), x: tensor(2, 3), weights }, {});
  expect(call(tensor(4, 5))).toThrow(ShapeError);
  expect(call(tensor(4, 5))).toThrow("linear: operand weights (t): expected shape [4, 3], found [4, 5]");
  expect(call(device.createTensor("u32", [4, 3], "t"))).toThrow(
    "expected dtype f32 or f16 or bf16 or q8_0 or q4_0, found u32",
  );
  expect(call(rows(tensor(8, 3), 0, 4))).not.toThrow();
});
