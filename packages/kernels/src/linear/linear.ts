/**
 * out[t] (+)= scale[t] · activation( W[expert[t]] · RMSNorm(x[t]) + bias[expert[t]] )
 *
 * One operation serves every matrix of the model: dense layers (one matrix for all tokens) and experts (each token has its
 * own matrix out of a stack). For one token it is a matrix-vector product (`gemv.wgsl.ts`), for many a matrix-matrix product (`gemm.wgsl.ts`)
 * over tokens grouped by expert, and for a few something in between (`gemm-few.wgsl.ts`). A call made for fewer tokens than a run has computes as many as it
 * was made for: so one row of logits can follow a prompt's layers.
 */
import { columns, defineKernel, type Program, rows, ShapeError, splitPoints, type Tensor } from "@blackmamba/tensor";
import { expectOperand, WEIGHT_DTYPES } from "../check.ts";
import { isFew, MAX_CHAINED_OUTPUTS, MAX_FEW_TOKENS, MAX_WHOLE_VECTOR } from "../tuning.ts";
import { gemm } from "./gemm.wgsl.ts";
import { gemmFew } from "./gemm-few.wgsl.ts";
import { gemv } from "./gemv.wgsl.ts";
import { linearCpu } from "./linear.cpu.ts";
import { linearReference } from "./linear.reference.ts";
import { linearWasm } from "./linear.wasm.ts";

/** Operands of {@link linear}. */
export type LinearOperands = {
  /** f32 [tokens, outputs] */
  readonly out: Tensor;
  /** f32 [tokens, inputs], may be a view of columns */
  readonly x: Tensor;
  /** [rows, inputs], or [experts, rows, inputs]; any float type. A row per output; two with a gated activation, all gates first */
  readonly weights: Tensor;
  /** f32 [inputs]: normalise x by its root mean square and this weight first; for a single token of at most 2048 elements */
  readonly norm?: Tensor | undefined;
  /** f32 [rows], or [experts, rows] with all experts, also those before and after the bound stack */
  readonly bias?: Tensor | undefined;
  /** u32 [tokens]: each token's matrix; required with a stack of matrices */
  readonly expert?: Tensor | undefined;
  /** u32 [experts + 1 + tokens]: tokens grouped by expert, as the kernel `group` makes it; required with a stack and over 64 tokens */
  readonly groups?: Tensor | undefined;
  /** f32 [tokens, 1], may be a view of a column: what each token's result is multiplied by */
  readonly scale?: Tensor | undefined;
};

/** Parameters of {@link linear}. */
export type LinearParams = {
  /**
   * Applied after the bias. `"gelu"` is exact; `"gated-gelu"` is gelu(gate) · value (GLU variants, arXiv 2002.05202). Default
   * none.
   */
  readonly activation?: "softplus" | "gelu" | "gated-gelu" | undefined;
  /** Of the norm: added to the mean square. Default 1e-5. */
  readonly epsilon?: number | undefined;
  /** Add to `out` rather than overwrite it. Default false. */
  readonly accumulate?: boolean | undefined;
  /**
   * The stack is a part of one: its first matrix belongs to this expert, and tokens of experts that are not in it are left alone.
   * Default: the stack has all experts.
   */
  readonly firstExpert?: number | undefined;
};

/** Up to so many tokens each workgroup finds those of its expert; more have to be grouped. */
export const MAX_UNGROUPED_TOKENS = MAX_FEW_TOKENS;

/** The kernel for weights that fit one operand of the device; {@link recordLinear} splits larger ones. */
export const linear = defineKernel<LinearOperands, LinearParams>({
  name: "linear",

  check({ out, x, weights, norm, bias, expert, groups, scale }, { activation }) {
    const [tokens, outputs] = out.shape;
    const inputs = x.shape[1];
    const rows = activation === "gated-gelu" ? 2 * outputs : outputs;
    const stack = weights.shape.length === 3 ? [weights.shape[0]] : [];
    expectOperand("linear", "out", out, ["f32"], [undefined, undefined], { view: true });
    expectOperand("linear", "x", x, ["f32"], [tokens, undefined], { view: true });
    expectOperand("linear", "weights", weights, WEIGHT_DTYPES, [...stack, rows, inputs]);
    expectOperand("linear", "norm", norm, ["f32"], [inputs]);
    expectOperand("linear", "bias", bias, ["f32"], [...stack.map(() => undefined), rows], { view: true });
    expectOperand("linear", "expert", expert, ["u32"], [tokens]);
    expectOperand("linear", "groups", groups, ["u32"], [undefined]);
    expectOperand("linear", "scale", scale, ["f32"], [tokens, 1], { view: true });
    if (norm && (tokens > 1 || inputs > MAX_WHOLE_VECTOR)) {
      const expected = `one token of at most ${MAX_WHOLE_VECTOR} elements`;
      throw new ShapeError(
        `linear: operand norm: expected ${expected}, found ${tokens} of ${inputs}; normalise beforehand`,
      );
    }
    if ((expert !== undefined) !== stack.length > 0) {
      throw new ShapeError(
        "linear: operand expert: a stack of matrices needs it, and a single matrix has no use for it",
      );
    }
    const isGrouped = groups && groups.shape[0] > weights.shape[0] + tokens;
    if (expert && !isGrouped && (groups || tokens > MAX_UNGROUPED_TOKENS)) {
      const expected = `at least ${weights.shape[0] + 1 + tokens}`;
      throw new ShapeError(
        `linear: operand groups: expected shape [${expected}], found ${groups ? `[${groups.shape}]` : "none"}`,
      );
    }
  },

  shader: (operands, params, traits) => {
    const [tokens, outputs] = operands.out.shape;
    // A part of a stack leaves tokens of other experts alone, and what calls hand each other has to be written.
    const isPart = params.firstExpert !== undefined;
    const chained = traits.chained && tokens === 1 && outputs <= MAX_CHAINED_OUTPUTS && !isPart;
    if (tokens === 1) return gemv(operands, params, { ...traits, chained });
    return (isFew(tokens, outputs, traits) ? gemmFew : gemm)(operands, params, traits);
  },

  reference: linearReference,
  cpu: linearCpu,
  wasm: linearWasm,
});

/**
 * Records {@link linear}, in several calls where the weights are larger than one operand may be (128 MiB is all that
 * WebGPU promises): by experts, or by outputs.
 */
export function recordLinear(program: Program, operands: LinearOperands, params: LinearParams = {}): void {
  const { weights, bias, out } = operands;
  const points = splitPoints(weights);
  if (points.length === 2) {
    program.call(linear, operands, params);
    return;
  }
  if (weights.shape.length === 2 && params.activation === "gated-gelu") {
    throw new ShapeError(
      `linear: operand weights (${weights.label}): expected at most ${weights.storage.maxOperandByteLength} bytes, which is ` +
        `all that this device binds at once, found ${weights.values.byteLength}; a gated matrix cannot be split by outputs`,
    );
  }
  for (let piece = 0; piece + 1 < points.length; piece++) {
    const [start, end] = [points[piece], points[piece + 1]];
    const part = { ...operands, weights: rows(weights, start, end) };
    if (weights.shape.length === 3) {
      program.call(linear, part, { ...params, firstExpert: start });
    } else {
      program.call(linear, { ...part, bias: bias && columns(bias, start, end), out: columns(out, start, end) }, params);
    }
  }
}
