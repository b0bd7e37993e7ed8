import { kernelBench, PUBLISHED_SHAPES, weightBytes } from "@blackmamba/bench";
import { recordEmbedding } from "./embedding.ts";

export const bench = kernelBench(
  "embedding",
  PUBLISHED_SHAPES.flatMap(({ model, hidden, vocab }) =>
    [1, 256].map((tokens) => ({
      name: `${model}, bf16, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
      tokens,
      async record(program, make) {
        const ids = await make.indices(Array.from({ length: tokens }, (_, token) => (token * 7919) % vocab));
        recordEmbedding(program, {
          out: make.zeros([tokens, hidden]),
          ids,
          table: make.random([vocab, hidden], "bf16"),
        });
      },
      byteLength: tokens * (weightBytes("bf16", [hidden]) + hidden * 4),
      flops: 0,
    })),
  ),
);
