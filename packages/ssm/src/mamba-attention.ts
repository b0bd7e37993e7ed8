/**
 * The hidden attention of a Mamba layer over a whole text, recorded: from what each token's projection gave, in blocks of columns, so
 * that no run is long and memory does not grow with the square of the text.
 *
 * Not part of a forward pass: it is for looking at one.
 */
import { recordLinear } from "@blackmamba/kernels";
import { columns, Program, rows, type Tensor, type TensorAllocator } from "@blackmamba/tensor";
import { hiddenAttention } from "./hidden-attention/hidden-attention.ts";
import type { MambaSizes, MambaWeights } from "./mamba.ts";

/**
 * Columns of a block: 64 rows of any f32 tensor are a multiple of 256 bytes, WebGPU's strictest alignment, so that operands may begin
 * where a block does. The same for all, so that blocks of all texts share a shader.
 */
const BLOCK_COLUMNS = 64;

/** Intermediate results; all layers of a text may share them. */
export interface MambaAttentionScratch {
  /** f32 [tokens, inner] */
  readonly dt: Tensor;
  /** f32 [tokens, 64] */
  readonly block: Tensor;
}

/** Some columns of a matrix, and how to come by them. */
export interface MambaAttentionBlock {
  /** To be run over `tokens` tokens. Those of a layer share memory and build on each other: in their order. */
  readonly program: Program;
  /** The token of the first column and of the first row; rows above are 0. */
  readonly first: number;
  /** Rows: the tokens from `first` on. */
  readonly tokens: number;
  /** f32 [tokens, 64]: once the program has run. Columns beyond the text's last token are 0. */
  readonly out: Tensor;
}

/** Allocates intermediate results for a text of so many tokens. */
export function createMambaAttentionScratch(
  allocator: TensorAllocator,
  { inner }: MambaSizes,
  tokens: number,
): MambaAttentionScratch {
  return {
    dt: allocator.createTensor("f32", [tokens, inner], "mamba.attention.dt"),
    block: allocator.createTensor("f32", [tokens, BLOCK_COLUMNS], "mamba.attention.block"),
  };
}

/**
 * Records {@link hiddenAttention} of a layer, [tokens, tokens], block by block.
 *
 * @param dtBC - f32 [tokens, dtRank + 2 · state], of all tokens of the text: as {@link MambaSequenceScratch} has it of some
 */
export function recordMambaAttention(
  { state: states, dtRank }: MambaSizes,
  dtBC: Tensor,
  weights: Pick<MambaWeights, "dtProj" | "dtProjBias" | "A">,
  { dt, block }: MambaAttentionScratch,
): MambaAttentionBlock[] {
  const tokens = dtBC.shape[0];
  const starts = Array.from({ length: Math.ceil(tokens / BLOCK_COLUMNS) }, (_, index) => index * BLOCK_COLUMNS);
  return starts.map((first) => {
    const program = new Program(`hidden attention from token ${first}`);
    if (first === 0) {
      const dtProj = { out: dt, x: columns(dtBC, 0, dtRank), weights: weights.dtProj, bias: weights.dtProjBias };
      recordLinear(program, dtProj, { activation: "softplus" });
    }
    const own = rows(dtBC, first, tokens);
    const out = rows(block, 0, tokens - first);
    const B = columns(own, dtRank, dtRank + states);
    const C = columns(own, dtRank + states, dtRank + 2 * states);
    program.call(hiddenAttention, { out, dt: rows(dt, first, tokens), A: weights.A, B, C }, {});
    return { program, first, tokens: tokens - first, out };
  });
}
