/**
 * The mixture-of-experts mixer, and the plain MLP, which is one expert without a router: records their kernel calls, in two
 * halves: what reads the residual stream, and what adds to it. So a mixer that stands beside this one can be recorded in between.
 *
 * Not here: names of tensors in checkpoints.
 */
import { type LinearOperands, MAX_UNGROUPED_TOKENS, MAX_WHOLE_VECTOR, norm, recordLinear } from "@blackmamba/kernels";
import {
  columns,
  type Program,
  rows,
  ShapeError,
  splitPoints,
  type Tensor,
  type TensorAllocator,
} from "@blackmamba/tensor";
import { expertUp, MAX_EXPERTS } from "./expert-up/expert-up.ts";
import { group } from "./group/group.ts";
import { canNormRoute, normRoute } from "./norm-route/norm-route.ts";
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
  /** `[hidden]`: of the RMSNorm before the mixer */
  readonly norm: Tensor;
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
  /** f32 [tokens, hidden]; left out for a single token, which the matrices normalise themselves */
  readonly normed?: Tensor | undefined;
  /** f32 [tokens, ffn] */
  readonly activated: Tensor;
  readonly routing?: RoutingScratch | undefined;
}

/** Where tokens go. Still there when the layer has run, for whoever wants to look at its routes. */
export interface RoutingScratch {
  /** f32 [tokens, experts + 1]: the router's logits, then the chosen expert's gate */
  readonly routes: Tensor;
  /** u32 [tokens] */
  readonly expert: Tensor;
  /** u32 [experts + 1 + tokens]; left out for a few tokens, which the matrices look through themselves */
  readonly groups?: Tensor | undefined;
}

/** Allocates intermediate results for up to `tokens` tokens and `experts` experts; 1 stands for a plain MLP. */
export function createExpertScratch(
  allocator: TensorAllocator,
  { hidden, ffn }: ExpertSizes,
  experts: number,
  tokens: number,
): ExpertScratch {
  return {
    normed: isNormalisedOnTheWay(tokens, hidden)
      ? undefined
      : allocator.createTensor("f32", [tokens, hidden], "experts.normed"),
    activated: allocator.createTensor("f32", [tokens, ffn], "experts.activated"),
    routing: experts > 1 ? createRoutingScratch(allocator, experts, tokens) : undefined,
  };
}

function isNormalisedOnTheWay(tokens: number, hidden: number): boolean {
  return tokens === 1 && hidden <= MAX_WHOLE_VECTOR;
}

function createRoutingScratch(allocator: TensorAllocator, experts: number, tokens: number): RoutingScratch {
  return {
    routes: allocator.createTensor("f32", [tokens, experts + 1], "router.routes"),
    expert: allocator.createTensor("u32", [tokens], "router.expert"),
    groups:
      tokens > MAX_UNGROUPED_TOKENS
        ? allocator.createTensor("u32", [experts + 1 + tokens], "router.groups")
        : undefined,
  };
}

/** Operands of {@link recordExpertsUp} and {@link recordExpertsDown}. */
export interface ExpertOperands {
  /** f32 [tokens, hidden]: what the mixer works on, and what its result is added to */
  readonly residual: Tensor;
  readonly weights: ExpertWeights;
  readonly scratch: ExpertScratch;
  /** Added to the mean square of the norm. */
  readonly epsilon: number;
}

/** Records the first half: scratch.activated = gelu(gate) · value of up · RMSNorm(residual), and the routing. */
export function recordExpertsUp(program: Program, { gated }: ExpertSizes, operands: ExpertOperands): void {
  const { residual, weights, scratch, epsilon } = operands;
  const { router, up, upBias } = weights;
  const { activated, routing } = scratch;
  if (router && routing && canRouteAndRaise(operands)) {
    const points = splitPoints(up);
    for (let piece = 0; piece + 1 < points.length; piece++) {
      const firstExpert = points[piece] as number;
      program.call(
        expertUp,
        {
          ...{ out: activated, expert: routing.expert, routes: routing.routes, x: residual, norm: weights.norm },
          ...{ router: router.weight, routerBias: router.bias, upBias },
          up: rows(up, firstExpert, points[piece + 1] as number),
        },
        { gating: router.gating, gated, epsilon, firstExpert },
      );
    }
    return;
  }
  const { input, routed } = recordRouting(program, operands);
  const activation = gated ? "gated-gelu" : "gelu";
  recordLinear(program, { out: activated, ...input, weights: up, bias: upBias, ...routed }, { activation, epsilon });
}

/** Records the second half: residual += gate · (down · scratch.activated). */
export function recordExpertsDown(program: Program, { residual, weights, scratch }: ExpertOperands): void {
  const { activated, routing } = scratch;
  const down = { out: residual, x: activated, weights: weights.down, bias: weights.downBias };
  if (!weights.router || !routing) {
    recordLinear(program, down, { accumulate: true });
    return;
  }
  const { routes, expert, groups } = routing;
  const experts = (routes.shape[1] as number) - 1;
  const scale = columns(routes, experts, experts + 1);
  recordLinear(program, { ...down, expert, groups, scale }, { accumulate: true });
}

/**
 * Whether one kernel can route and raise: for one token, where its vector fits into workgroup memory, experts are few, and the
 * device binds as many buffers.
 */
function canRouteAndRaise({ residual, weights: { up, upBias, router } }: ExpertOperands): boolean {
  const parts = (tensor: Tensor | undefined) => (tensor ? (tensor.scales ? 2 : 1) : 0);
  const others = 6; // x, norm, router bias, out, expert, routes
  const [tokens = 1, hidden = 1] = residual.shape;
  if (!isNormalisedOnTheWay(tokens, hidden) || (router?.bias.shape[0] ?? 0) > MAX_EXPERTS) return false;
  return parts(up) + parts(upBias) + parts(router?.weight) + others <= up.storage.maxOperands;
}

/** Chooses each token's expert; returns what the next matrix takes, the residual stream normalised, and what it has to know. */
function recordRouting(
  program: Program,
  { residual, weights, scratch, epsilon }: ExpertOperands,
): {
  readonly input: Pick<LinearOperands, "x" | "norm">;
  readonly routed: Pick<LinearOperands, "expert" | "groups">;
} {
  const { router } = weights;
  const { normed, routing } = scratch;
  const input = normed ? { x: normed } : { x: residual, norm: weights.norm };
  const normalise = () => {
    if (normed) program.call(norm, { out: normed, x: residual, weight: weights.norm }, { kind: "rms", epsilon });
  };
  if (!router) {
    normalise();
    return { input, routed: {} };
  }
  if (!routing) throw new ShapeError("experts: a router needs scratch made for several experts, found scratch for one");
  const { routes, expert, groups } = routing;
  const { gating, weight, bias: routerBias } = router;
  const experts = (routes.shape[1] ?? 1) - 1;
  if (normed && canNormRoute(residual.shape[1] ?? 1, experts)) {
    const operands = { normed, expert, routes, x: residual, norm: weights.norm, router: weight, routerBias };
    program.call(normRoute, operands, { gating, epsilon });
  } else {
    normalise();
    const logits = columns(routes, 0, experts);
    recordLinear(program, { out: logits, ...input, weights: weight, bias: routerBias }, { epsilon });
    program.call(route, { expert, routes }, { gating });
  }
  if (groups) program.call(group, { groups, expert }, { experts });
  return { input, routed: { expert, groups } };
}
