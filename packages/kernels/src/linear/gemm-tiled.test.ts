/**
 * Every tiling, whichever the rule would choose: sizes that divide nothing, experts, gates.
 */
import { columns } from "@blackmamba/tensor";
import { type KernelCase, testKernel } from "@blackmamba/testing";
import { expect, test } from "vitest";
import { gemmTiled } from "./gemm-tiled.wgsl.ts";
import { chooseTiling, TILINGS, tilingSizes } from "./gemm-tiling.ts";
import { type LinearOperands, type LinearParams, linear } from "./linear.ts";

type Case = KernelCase<LinearOperands, LinearParams>;

const ragged: Case = {
  name: "139 of 150 tokens, 45 → 139, bf16, between views of columns, added",
  operands: async (make) => ({
    out: columns(await make.random([150, 150]), 3, 142),
    x: columns(await make.random([150, 50]), 5, 50),
    weights: await make.random([139, 45], { dtype: "bf16" }),
    bias: await make.random([139]),
  }),
  params: { activation: "softplus", accumulate: true },
  tokens: 139,
  outputs: ["out"],
};

/** Expert of each token: none of the second of four. */
const EXPERTS = Array.from({ length: 150 }, (_, t) => [0, 2, 3, 3, 2, 3][t % 6]);

const gatedExperts: Case = {
  name: "150 tokens, each with its gated expert, of which two are bound, q8_0",
  operands: async (make) => {
    const starts = [0, 1, 2, 3, 4].map((e) => EXPERTS.filter((own) => own < e).length);
    const order = [0, 1, 2, 3].flatMap((e) => EXPERTS.flatMap((own, t) => (own === e ? [t] : [])));
    return {
      out: await make.poison([150, 70]),
      x: await make.random([150, 64]),
      weights: await make.random([2, 140, 64], { dtype: "q8_0", deviation: 0.3 }),
      bias: await make.random([4, 140]),
      expert: await make.of(EXPERTS, [150], "u32"),
      groups: await make.of([...starts, ...order], [155], "u32"),
      scale: await make.random([150, 1]),
    };
  },
  params: { activation: "gated-gelu", firstExpert: 1 },
  tokens: 150,
  outputs: ["out"],
};

for (const [name, tiling] of Object.entries(TILINGS)) {
  const kernel = {
    ...linear,
    name: `linear, ${name} tiles`,
    shader: (operands: LinearOperands, params: LinearParams) => gemmTiled(operands, params, tiling),
  };
  testKernel(kernel, [ragged, gatedExperts]);
}

test.each(Object.entries(TILINGS))("%s tiles fit the limits that WebGPU promises", (_, tiling) => {
  const { threads, byteLength } = tilingSizes(tiling);
  expect(threads).toBeLessThanOrEqual(256);
  expect(byteLength).toBeLessThanOrEqual(16384);
});

test("the rule takes smaller tiles where large ones would be few, or mostly empty", () => {
  expect(chooseTiling(1024, 4608, 1)).toBe(TILINGS.large);
  expect(chooseTiling(1024, 104, 1)).toBe(TILINGS.small);
  expect(chooseTiling(32, 50304, 1)).toBe(TILINGS.flat);
  expect(chooseTiling(128, 6144, 8)).toBe(TILINGS.small);
});
