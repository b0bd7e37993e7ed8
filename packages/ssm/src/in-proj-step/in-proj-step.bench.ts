import { kernelBench, PUBLISHED_SHAPES, weightBytes } from "@blackmamba/bench";
import { columns } from "@blackmamba/tensor";
import { inProjStep } from "./in-proj-step.ts";

export const bench = kernelBench(
  "in-proj-step",
  PUBLISHED_SHAPES.flatMap(({ model, hidden, inner, taps }) =>
    (["bf16", "q8_0", "q4_0"] as const).flatMap((dtype) =>
      [1, 32].map((tokens) => ({
        name: `${model}, ${dtype}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
        tokens,
        record(program, make) {
          const xz = make.zeros([tokens, 2 * inner]);
          program.call(
            inProjStep,
            {
              u: columns(xz, 0, inner),
              z: columns(xz, inner, 2 * inner),
              x: make.random([tokens, hidden]),
              // Several tokens are normalised beforehand.
              ...(tokens === 1 && { norm: make.random([hidden]) }),
              weights: make.random([2 * inner, hidden], dtype, { deviation: 1 / Math.sqrt(hidden) }),
              conv: make.random([inner, taps]),
              convBias: make.random([inner]),
              state: make.random([tokens, taps - 1, inner]),
            },
            { epsilon: 1e-5 },
          );
        },
        // The matrix; x, u and z, and each state read and written; taps and bias.
        byteLength:
          weightBytes(dtype, [2 * inner, hidden]) +
          4 * (tokens * (hidden + 2 * inner + 2 * (taps - 1) * inner) + inner * (taps + 1)),
        flops: 2 * tokens * inner * (2 * hidden + taps),
      })),
    ),
  ),
);
