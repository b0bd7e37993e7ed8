import { kernelBench, PUBLISHED_SHAPES } from "@blackmamba/bench";
import { norm } from "./norm.ts";

export const bench = kernelBench(
  "norm",
  PUBLISHED_SHAPES.flatMap(({ model, hidden }) =>
    [1, 256].map((tokens) => ({
      name: `${model} RMSNorm, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
      tokens,
      record: (program, make) =>
        program.call(
          norm,
          { out: make.zeros([tokens, hidden]), x: make.random([tokens, hidden]), weight: make.random([hidden]) },
          { kind: "rms", epsilon: 1e-5 },
        ),
      byteLength: (2 * tokens + 1) * hidden * 4,
      flops: 4 * tokens * hidden,
    })),
  ),
);
