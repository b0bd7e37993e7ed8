import { kernelBench, PUBLISHED_SHAPES } from "@blackmamba/bench";
import { gatedGelu } from "./gated-gelu.ts";

export const bench = kernelBench(
  "gated-gelu",
  PUBLISHED_SHAPES.flatMap(({ model, ffn }) =>
    [1, 256].map((tokens) => ({
      name: `${model}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
      tokens,
      record: (program, make) =>
        program.call(gatedGelu, { out: make.zeros([tokens, ffn]), x: make.random([tokens, 2 * ffn]) }, { gated: true }),
      byteLength: 3 * tokens * ffn * 4,
      // erf counted as 20
      flops: 24 * tokens * ffn,
    })),
  ),
);
