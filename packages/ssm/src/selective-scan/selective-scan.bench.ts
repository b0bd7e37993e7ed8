import { kernelBench, PUBLISHED_SHAPES } from "@blackmamba/bench";
import { columns } from "@blackmamba/tensor";
import { selectiveScan } from "./selective-scan.ts";

export const bench = kernelBench(
  "selective-scan",
  PUBLISHED_SHAPES.flatMap(({ model, inner, state, dtRank }) =>
    [1, 256].map((tokens) => ({
      name: `${model}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
      tokens,
      record(program, make) {
        const dtBC = make.random([tokens, dtRank + 2 * state]);
        program.call(
          selectiveScan,
          {
            out: make.zeros([tokens, inner]),
            u: make.random([tokens, inner]),
            dt: make.random([tokens, inner], "f32", { mean: 0.05, deviation: 0.01 }),
            A: make.random([inner, state], "f32", { mean: -8, deviation: 2 }),
            B: columns(dtBC, dtRank, dtRank + state),
            C: columns(dtBC, dtRank + state, dtRank + 2 * state),
            D: make.random([inner]),
            z: columns(make.random([tokens, 2 * inner]), inner, 2 * inner),
            state: make.random([inner, state]),
          },
          {},
        );
      },
      // out, u, dt and z; B and C; A; the state read and written; D
      byteLength: 4 * (tokens * (4 * inner + 2 * state) + 3 * inner * state + inner),
      // For each channel and state: exp (counted as one), three multiplications, two multiply-adds; and the gate.
      flops: tokens * inner * (8 * state + 6),
    })),
  ),
);
