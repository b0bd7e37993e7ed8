import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type EmbeddingOperands, type EmbeddingParams, embedding } from "./embedding.ts";

type Case = KernelCase<EmbeddingOperands, EmbeddingParams>;

const lookUp = (dtype: "f32" | "f16" | "bf16" | "q8_0", hidden: number): Case => ({
  name: `${dtype}, ${hidden} wide`,
  operands: async (make) => ({
    out: await make.poison([5, hidden]),
    ids: await make.of([3, 0, 9, 3, 1], [5], "u32"),
    table: await make.random([10, hidden], { dtype }),
  }),
  params: {},
  tokens: 4,
  outputs: ["out"],
  tolerance: 0,
});

testKernel(embedding, [
  {
    name: "a part of the table, worked out by hand: other ids are left alone",
    operands: async (make) => ({
      out: await make.of([-1, -1, -1, -1, -1, -1], [3, 2]),
      ids: await make.of([6, 4, 5], [3], "u32"),
      table: await make.of([1, 2, 3, 4], [2, 2]),
    }),
    params: { firstId: 5 },
    tokens: 3,
    outputs: ["out"],
    expected: [[3, 4, -1, -1, 1, 2]],
  },
  lookUp("f32", 37),
  lookUp("f16", 37),
  lookUp("bf16", 37),
  lookUp("f32", 64),
  lookUp("f16", 64),
  lookUp("bf16", 64),
  lookUp("q8_0", 64),
]);
