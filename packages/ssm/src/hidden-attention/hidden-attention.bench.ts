import { kernelBench, PUBLISHED_SHAPES } from "@blackmamba/bench";
import { columns } from "@blackmamba/tensor";
import { hiddenAttention } from "./hidden-attention.ts";

export const bench = kernelBench(
  "hidden-attention",
  PUBLISHED_SHAPES.flatMap(({ model, inner, state, dtRank }) =>
    [32, 256].map((tokens) => ({
      name: `${model}, ${tokens} tokens`,
      tokens,
      record(program, make) {
        const dtBC = make.random([tokens, dtRank + 2 * state]);
        program.call(
          hiddenAttention,
          {
            out: make.zeros([tokens, tokens]),
            dt: make.random([tokens, inner], "f32", { mean: 0.05, deviation: 0.01 }),
            A: make.random([inner, state], "f32", { mean: -8, deviation: 2 }),
            B: columns(dtBC, dtRank, dtRank + state),
            C: columns(dtBC, dtRank + state, dtRank + 2 * state),
          },
          {},
        );
      },
      // out and dt; B and C; A
      byteLength: 4 * (tokens * (tokens + inner + 2 * state) + inner * state),
      // For each pair of tokens, channel and state: exp (counted as one), two multiplications, a multiply-add.
      flops: ((tokens * (tokens + 1)) / 2) * inner * 5 * state,
    })),
  ),
);
