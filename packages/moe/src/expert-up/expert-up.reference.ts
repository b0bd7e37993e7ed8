/**
 * `expert-up` as the kernels it stands for, one after another: their references, or their twins for the CPU.
 */
import { linear } from "@blackmamba/kernels";
import type { HostOperands, HostTensor } from "@blackmamba/tensor";
import { routeReference } from "../route/route.reference.ts";
import type { ExpertUpOperands, ExpertUpParams } from "./expert-up.ts";

type Operands = HostOperands<ExpertUpOperands>;

export function expertUpReference(operands: Operands, params: ExpertUpParams): void {
  expertUp(operands, params, linear.reference);
}

export function expertUpCpu(operands: Operands, params: ExpertUpParams): void {
  expertUp(operands, params, linear.cpu ?? linear.reference);
}

function expertUp(
  { out, expert, routes, x, norm, router, routerBias, up, upBias }: Operands,
  { gating, gated, epsilon, firstExpert }: ExpertUpParams,
  multiply: typeof linear.reference,
): void {
  const experts = router.shape[0] as number;
  const none = { groups: undefined, scale: undefined };
  const logits: HostTensor = { ...routes, shape: [1, experts] };
  multiply({ out: logits, x, weights: router, norm, bias: routerBias, expert: undefined, ...none }, { epsilon }, 1);
  routeReference({ expert, routes }, { gating }, 1);
  const activation = gated ? "gated-gelu" : "gelu";
  multiply({ out, x, weights: up, norm, bias: upBias, expert, ...none }, { activation, epsilon, firstExpert }, 1);
}
