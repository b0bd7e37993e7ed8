/**
 * The mixture-of-experts mixer, and the plain MLP, which is one expert without a router: records their kernel calls.
 *
 * Not here: the norm before it, and names of tensors in checkpoints.
 */
import { recordLinear } from "@blackmamba/kernels";
import { type Program, ShapeError, type Tensor, type TensorAllocator } from "@blackmamba/tensor";
import { gatedGelu } from "./gated-gelu/gated-gelu.ts";
import { group } from "./group/group.ts";
import { type Gating, route } from "./route/route.ts";

/** Sizes and kind of the experts. */
export interface ExpertSizes {
  /** Width of the residual stream. */
  readonly hidden: number;
  /** Width within an expert. */
  readonly ffn: number;
  /** Whether the first matrix makes a gate beside the values. */
  readonly gated: boolean;
}

/** Weights of the experts, stacked. Matrices may have any float type, biases are f32. */
export interface ExpertWeights {
  /** [experts, 2 · ffn, hidden], the gate's half first; [experts, ffn, hidden] when not gated; no `experts` without a router */
  readonly up: Tensor;
  /** [experts, 2 · ffn], or [experts, ffn] */
  readonly upBias?: Tensor | undefined;
  /** [experts, hidden, ffn] */
  readonly down: Tensor;
  /** [experts, hidden] */
  readonly downBias?: Tensor | undefined;
  /** Left out for a single expert: a plain MLP. */
  readonly router?: RouterWeights | undefined;
}

/** Weights of a router. */
export interface RouterWeights {
  /** [experts, hidden] */
  readonly weight: Tensor;
  /** f32 [experts] */
  readonly bias: Tensor;
  readonly gating: Gating;
}

/** Intermediate results; all layers of a program with as many experts may share them. */
export interface ExpertScratch {
  readonly up: Tensor;
  readonly activated: Tensor;
  readonly routes?: RouteScratch | undefined;
}

/** Where tokens go. Still there after the run, for whoever wants to look at a layer's routes. */
export interface RouteScratch {
  /** f32 [tokens, experts] */
  readonly logits: Tensor;
  /** u32 [tokens] */
  readonly expert: Tensor;
  /** f32 [tokens] */
  readonly scale: Tensor;
  /** u32 [experts + 1 + tokens] */
  readonly groups: Tensor;
}

/** Allocates intermediate results for up to `tokens` tokens and `experts` experts; 1 stands for a plain MLP. */
export function createExpertScratch(
  allocator: TensorAllocator,
  sizes: ExpertSizes,
  experts: number,
  tokens: number,
): ExpertScratch {
  const { ffn, gated } = sizes;
  return {
    up: allocator.createTensor("f32", [tokens, gated ? 2 * ffn : ffn], "experts.up"),
    activated: allocator.createTensor("f32", [tokens, ffn], "experts.activated"),
    routes: experts > 1 ? createRouteScratch(allocator, experts, tokens) : undefined,
  };
}

function createRouteScratch(allocator: TensorAllocator, experts: number, tokens: number): RouteScratch {
  return {
    logits: allocator.createTensor("f32", [tokens, experts], "router.logits"),
    expert: allocator.createTensor("u32", [tokens], "router.expert"),
    scale: allocator.createTensor("f32", [tokens], "router.scale"),
    groups: allocator.createTensor("u32", [experts + 1 + tokens], "router.groups"),
  };
}

/** Operands of {@link recordExperts}. */
export interface ExpertOperands {
  /** f32 [tokens, hidden]: the mixer's result is added to it */
  readonly residual: Tensor;
  /** f32 [tokens, hidden]: the normalised input */
  readonly x: Tensor;
  readonly weights: ExpertWeights;
  readonly scratch: ExpertScratch;
}

/** Records residual += experts(x). */
export function recordExperts(program: Program, sizes: ExpertSizes, operands: ExpertOperands): void {
  const { residual, x, weights, scratch } = operands;
  const routing = recordRoutes(program, operands);

  recordLinear(program, { out: scratch.up, x, weights: weights.up, bias: weights.upBias, ...routing.up });
  program.call(gatedGelu, { out: scratch.activated, x: scratch.up }, { gated: sizes.gated });
  const down = { out: residual, x: scratch.activated, weights: weights.down, bias: weights.downBias };
  recordLinear(program, { ...down, ...routing.down }, { accumulate: true });
}

/** Chooses each token's expert; returns what the two matrices have to know of it. */
function recordRoutes(program: Program, { x, weights: { router }, scratch: { routes } }: ExpertOperands) {
  if (!router) return { up: {}, down: {} };
  if (!routes) throw new ShapeError("experts: a router needs scratch made for several experts, found scratch for one");
  const { logits, expert, scale, groups } = routes;
  const [tokens, experts] = logits.shape;
  recordLinear(program, { out: logits, x, weights: router.weight, bias: router.bias });
  program.call(route, { expert, scale, logits }, { gating: router.gating });
  if (tokens > 1) program.call(group, { groups, expert }, { experts });
  return { up: { expert, groups }, down: { expert, groups, scale } };
}
