import { type KernelCase, testKernel } from "@blackmamba/testing";
import { type GroupOperands, group } from "./group.ts";

type Case = KernelCase<GroupOperands, { experts: number }>;

const random = (experts: number, tokens: number): Case => ({
  name: `${experts} experts, ${tokens} tokens`,
  operands: async (make) => ({
    groups: await make.poison([experts + 1 + 300], "u32"),
    expert: await make.of(
      Array.from({ length: 300 }, (_, t) => (t * 7 + (t >> 3)) % experts),
      [300],
      "u32",
    ),
  }),
  params: { experts },
  tokens,
  outputs: ["groups"],
  tolerance: 0,
});

testKernel(group, [
  {
    name: "worked out by hand: an expert without tokens, and order kept within the others",
    operands: async (make) => ({
      groups: await make.poison([5 + 6], "u32"),
      expert: await make.of([3, 0, 3, 1, 0, 2], [6], "u32"),
    }),
    params: { experts: 4 },
    tokens: 5,
    outputs: ["groups"],
    expected: [[0, 2, 3, 3, 5, 1, 4, 3, 0, 2, 0xffffffff]],
  },
  random(8, 300),
  random(7, 65),
  random(3, 1),
  // More boundaries than tokens.
  random(100, 20),
]);
