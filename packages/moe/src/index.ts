/**
 * Mixture-of-experts layers with top-1 routing, and the plain MLP: their kernels and how they are composed.
 *
 * @packageDocumentation
 */
export {
  createExpertScratch,
  type ExpertOperands,
  type ExpertScratch,
  type ExpertSizes,
  type ExpertWeights,
  type RouterWeights,
  type RouteScratch,
  recordExperts,
} from "./experts.ts";
export { type GatedGeluOperands, gatedGelu } from "./gated-gelu/gated-gelu.ts";
export { type GroupOperands, group } from "./group/group.ts";
export { type Gating, type RouteOperands, route } from "./route/route.ts";
