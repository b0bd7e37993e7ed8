import { kernelBench } from "@blackmamba/bench";
import { route } from "./route.ts";

const EXPERTS = 8;

export const bench = kernelBench(
  "route",
  [1, 256].map((tokens) => ({
    name: `${EXPERTS} experts, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
    tokens,
    record: (program, make) =>
      program.call(
        route,
        { expert: make.zeros([tokens], "u32"), routes: make.random([tokens, EXPERTS + 1]) },
        { gating: "sigmoid" },
      ),
    byteLength: tokens * (EXPERTS + 2) * 4,
    flops: tokens * EXPERTS * 4,
  })),
);
