import { kernelBench, PUBLISHED_SHAPES, weightBytes } from "@blackmamba/bench";
import { columns } from "@blackmamba/tensor";
import { scanStep } from "./scan-step.ts";

export const bench = kernelBench(
  "scan-step",
  PUBLISHED_SHAPES.flatMap(({ model, inner, state, dtRank }) =>
    [1, 32].map((tokens) => ({
      name: `${model}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
      tokens,
      record(program, make) {
        const xz = make.random([tokens, 2 * inner]);
        const dtBC = make.random([tokens, dtRank + 2 * state]);
        program.call(
          scanStep,
          {
            u: columns(xz, 0, inner),
            z: columns(xz, inner, 2 * inner),
            lowRank: columns(dtBC, 0, dtRank),
            B: columns(dtBC, dtRank, dtRank + state),
            C: columns(dtBC, dtRank + state, dtRank + 2 * state),
            dtProj: make.random([inner, dtRank], "bf16", { deviation: 1 / Math.sqrt(dtRank) }),
            dtBias: make.random([inner], "f32", { mean: -4.6, deviation: 0.5 }),
            A: make.random([inner, state], "f32", { mean: -8, deviation: 2 }),
            D: make.random([inner]),
            state: make.random([tokens, inner, state]),
          },
          {},
        );
      },
      // dtProj, its bias, A and D once; of each token u read and written, z, what x_proj made, and the state read and written.
      byteLength:
        weightBytes("bf16", [inner, dtRank]) +
        4 * (inner * (state + 2) + tokens * (3 * inner + dtRank + 2 * state + 2 * inner * state)),
      // For each channel and state: exp (counted as one), three multiplications, two multiply-adds; the time step; the gate.
      flops: tokens * inner * (8 * state + 2 * dtRank + 6),
    })),
  ),
);
