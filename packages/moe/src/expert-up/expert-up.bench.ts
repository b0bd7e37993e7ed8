import { kernelBench, PUBLISHED_SHAPES, weightBytes } from "@blackmamba/bench";
import { expertUp } from "./expert-up.ts";

export const bench = kernelBench(
  "expert-up",
  PUBLISHED_SHAPES.flatMap(({ model, hidden, ffn, experts }) =>
    (["bf16", "q8_0", "q4_0"] as const).map((dtype) => ({
      name: `${model}, ${dtype}, 1 token`,
      record(program, make) {
        const matrices = { deviation: 1 / Math.sqrt(hidden) };
        program.call(
          expertUp,
          {
            out: make.zeros([1, ffn]),
            expert: make.zeros([1], "u32"),
            routes: make.zeros([1, experts + 1]),
            x: make.random([1, hidden]),
            norm: make.random([hidden]),
            router: make.random([experts, hidden], "bf16", matrices),
            routerBias: make.random([experts]),
            up: make.random([experts, 2 * ffn, hidden], dtype, matrices),
          },
          { gating: "sigmoid", gated: true, epsilon: 1e-5 },
        );
      },
      // One expert and the router; x and norm; the result.
      byteLength:
        weightBytes(dtype, [2 * ffn, hidden]) + weightBytes("bf16", [experts, hidden]) + (2 * hidden + ffn) * 4,
      flops: 2 * (2 * ffn + experts) * hidden,
    })),
  ),
);
