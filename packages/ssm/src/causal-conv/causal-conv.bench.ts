import { kernelBench, PUBLISHED_SHAPES } from "@blackmamba/bench";
import { columns } from "@blackmamba/tensor";
import { causalConv } from "./causal-conv.ts";

export const bench = kernelBench(
  "causal-conv",
  PUBLISHED_SHAPES.flatMap(({ model, inner, taps }) =>
    [1, 256].map((tokens) => ({
      name: `${model}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
      tokens,
      record: (program, make) =>
        program.call(
          causalConv,
          {
            out: make.zeros([tokens, inner]),
            x: columns(make.random([tokens, 2 * inner]), 0, inner),
            weight: make.random([inner, taps]),
            bias: make.random([inner]),
            state: make.random([taps - 1, inner]),
          },
          {},
        ),
      // x and out; weight and bias; the state read and written
      byteLength: (2 * tokens + taps + 1 + 2 * (taps - 1)) * inner * 4,
      flops: 2 * tokens * taps * inner,
    })),
  ),
);
