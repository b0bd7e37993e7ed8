/**
 * The router's product as operands of `linear`.
 */
import type { LinearOperands } from "@blackmamba/kernels";
import type { HostOperands } from "@blackmamba/tensor";
import type { NormRouteOperands } from "./norm-route.ts";

/** Multiplies what is normalised already. */
export function logitsOf({
  normed,
  routes,
  router,
  routerBias,
}: HostOperands<NormRouteOperands>): HostOperands<LinearOperands> {
  const [tokens, width] = routes.shape as [number, number];
  return {
    ...{ out: { ...routes, shape: [tokens, width - 1] }, x: normed, weights: router, bias: routerBias },
    ...{ norm: undefined, expert: undefined, groups: undefined, scale: undefined },
  };
}
