import { kernelBench, PUBLISHED_SHAPES, type RandomTensors, weightBytes } from "@blackmamba/bench";
import type { DType } from "@blackmamba/tensor";
import { type LinearOperands, type LinearParams, recordLinear } from "./linear.ts";

/** Quantised where the model's matrix would be: not those that stay in 16 bit. */
type WeightDType = Exclude<DType, "u32">;
const DTYPES: readonly WeightDType[] = ["bf16", "q8_0", "q4_0"];

/** One token, sequences decoded together, a chunk of a prompt. */
const TOKENS = [1, 32, 256];

interface Matrix {
  readonly name: string;
  /** Results of a token. */
  readonly outputs: number;
  readonly inputs: number;
  /** Rows that make one result. Default 1. */
  readonly rowsPerOutput?: number;
  /** Matrices in a stack, of which each token takes one. Default a single matrix, no stack. */
  readonly experts?: number;
  readonly dtypes?: readonly WeightDType[];
  readonly params?: LinearParams;
  /** Logits follow a prompt for its last token alone. */
  readonly tokens?: readonly number[];
}

const matrices = PUBLISHED_SHAPES.flatMap(({ model, hidden, inner, state, dtRank, experts, ffn, vocab }): Matrix[] => [
  { name: `${model} in_proj`, outputs: 2 * inner, inputs: hidden },
  { name: `${model} x_proj`, outputs: dtRank + 2 * state, inputs: inner },
  {
    name: `${model} dt_proj`,
    outputs: inner,
    inputs: dtRank,
    dtypes: ["bf16"],
    params: { activation: "softplus" },
  },
  { name: `${model} out_proj`, outputs: hidden, inputs: inner, params: { accumulate: true } },
  { name: `${model} router`, outputs: experts, inputs: hidden, dtypes: ["bf16"] },
  {
    name: `${model} experts up`,
    outputs: ffn,
    inputs: hidden,
    rowsPerOutput: 2,
    experts,
    params: { activation: "gated-gelu" },
  },
  { name: `${model} experts down`, outputs: hidden, inputs: ffn, experts, params: { accumulate: true } },
  { name: `${model} logits`, outputs: vocab, inputs: hidden, tokens: [1, 32] },
]);

export const bench = kernelBench(
  "linear",
  matrices.flatMap((matrix) =>
    (matrix.dtypes ?? DTYPES).flatMap((dtype) =>
      (matrix.tokens ?? TOKENS).map((tokens) => {
        const { name, outputs, inputs, rowsPerOutput = 1, experts = 1, params } = matrix;
        const rows = outputs * rowsPerOutput;
        return {
          name: `${name}, ${dtype}, ${tokens} ${tokens === 1 ? "token" : "tokens"}`,
          tokens,
          record: async (program, make) => recordLinear(program, await operandsOf(matrix, dtype, tokens, make), params),
          byteLength: Math.min(experts, tokens) * weightBytes(dtype, [rows, inputs]) + tokens * (inputs + outputs) * 4,
          flops: 2 * tokens * rows * inputs,
        };
      }),
    ),
  ),
);

/** With a stack, tokens take the experts in turn. */
async function operandsOf(
  { outputs, inputs, rowsPerOutput = 1, experts }: Matrix,
  dtype: WeightDType,
  tokens: number,
  make: RandomTensors,
): Promise<LinearOperands> {
  const matrix = [outputs * rowsPerOutput, inputs];
  const operands = {
    out: make.zeros([tokens, outputs]),
    x: make.random([tokens, inputs]),
    weights: make.random(experts ? [experts, ...matrix] : matrix, dtype, { deviation: 1 / Math.sqrt(inputs) }),
  };
  if (!experts) return operands;
  const expert = Array.from({ length: tokens }, (_, token) => token % experts);
  const starts = Array.from({ length: experts + 1 }, (_, e) => expert.filter((other) => other < e).length);
  const order = expert.map((_, token) => token).sort((a, b) => expert[a] - expert[b] || a - b);
  return {
    ...operands,
    expert: await make.indices(expert),
    ...(tokens > 1 && { groups: await make.indices([...starts, ...order]) }),
  };
}
