import { kernelBench, PUBLISHED_SHAPES, weightBytes } from "@blackmamba/bench";
import { normRoute } from "./norm-route.ts";

export const bench = kernelBench(
  "norm-route",
  PUBLISHED_SHAPES.flatMap(({ model, hidden, experts }) =>
    [32, 256].map((tokens) => ({
      name: `${model}, bf16, ${tokens} tokens`,
      tokens,
      record(program, make) {
        program.call(
          normRoute,
          {
            normed: make.zeros([tokens, hidden]),
            expert: make.zeros([tokens], "u32"),
            routes: make.zeros([tokens, experts + 1]),
            x: make.random([tokens, hidden]),
            norm: make.random([hidden]),
            router: make.random([experts, hidden], "bf16", { deviation: 1 / Math.sqrt(hidden) }),
            routerBias: make.random([experts]),
          },
          { gating: "sigmoid", epsilon: 1e-5 },
        );
      },
      // x and the same normalised; the router; routes and the choice.
      byteLength: weightBytes("bf16", [experts, hidden]) + 4 * (2 * tokens * hidden + tokens * (experts + 2)),
      flops: tokens * hidden * (2 * experts + 4),
    })),
  ),
);
