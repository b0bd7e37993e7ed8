/**
 * `expert-up` in WebAssembly: norm, router and the chosen expert's matrix; the choice itself is a few numbers.
 */
import { linear, norm as rmsNorm } from "@blackmamba/kernels";
import type { HostOperands, HostTensor, WasmEngine } from "@blackmamba/tensor";
import { routeReference } from "../route/route.reference.ts";
import type { ExpertUpOperands, ExpertUpParams } from "./expert-up.ts";

export function expertUpWasm(
  { out, expert, routes, x, norm, router, routerBias, up, upBias }: HostOperands<ExpertUpOperands>,
  { gating, gated, epsilon, firstExpert }: ExpertUpParams,
  engine: WasmEngine,
): (() => void) | undefined {
  const experts = router.shape[0] as number;
  const normed = engine.workspace(1, x.shape[1] as number);
  const logits: HostTensor = { ...routes, shape: [1, experts] };
  const none = { norm: undefined, groups: undefined, scale: undefined };
  const activation = gated ? "gated-gelu" : "gelu";

  const normalise = rmsNorm.wasm?.({ out: normed, x, weight: norm, bias: undefined }, { kind: "rms", epsilon }, engine);
  const ask = { out: logits, x: normed, weights: router, bias: routerBias, expert: undefined, ...none };
  const multiplyRouter = linear.wasm?.(ask, {}, engine);
  const enter = { out, x: normed, weights: up, bias: upBias, expert, ...none };
  const multiplyUp = linear.wasm?.(enter, { activation, firstExpert }, engine);
  if (!normalise || !multiplyRouter || !multiplyUp) return undefined;
  return () => {
    normalise(1);
    multiplyRouter(1);
    routeReference({ expert, routes }, { gating }, 1);
    multiplyUp(1);
  };
}
