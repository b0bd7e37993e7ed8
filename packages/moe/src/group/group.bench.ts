import { kernelBench } from "@blackmamba/bench";
import { group } from "./group.ts";

const EXPERTS = 8;

export const bench = kernelBench(
  "group",
  [32, 256].map((tokens) => ({
    name: `${EXPERTS} experts, ${tokens} tokens`,
    tokens,
    record: async (program, make) =>
      program.call(
        group,
        {
          groups: make.zeros([EXPERTS + 1 + tokens], "u32"),
          expert: await make.indices(Array.from({ length: tokens }, (_, token) => (token * 5) % EXPERTS)),
        },
        { experts: EXPERTS },
      ),
    byteLength: (2 * tokens + EXPERTS + 1) * 4,
    flops: 0,
  })),
);
