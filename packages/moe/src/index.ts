/**
 * Mixture-of-experts layers with top-1 routing, and the plain MLP: their kernels and how they are composed.
 *
 * @packageDocumentation
 */
export { type ExpertUpOperands, type ExpertUpParams, expertUp } from "./expert-up/expert-up.ts";
export {
  createExpertScratch,
  type ExpertOperands,
  type ExpertScratch,
  type ExpertSizes,
  type ExpertWeights,
  type RouterWeights,
  type RoutingScratch,
  recordExpertsDown,
  recordExpertsUp,
} from "./experts.ts";
export { type GroupOperands, group } from "./group/group.ts";
export { type NormRouteOperands, type NormRouteParams, normRoute } from "./norm-route/norm-route.ts";
export { type Gating, type RouteOperands, route } from "./route/route.ts";
