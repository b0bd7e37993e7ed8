/**
 * How the matrix kernels divide their work: every rule that was found by measuring, in one place. What was measured is in
 * docs/performance.md. Results never depend on what is chosen here, beyond rounding.
 */
import type { AdapterTraits } from "@blackmamba/tensor";

/** How a matrix-vector product is divided over threads; see `wgsl/mat-vec.ts`. */
export interface MatVecShape {
  /** Threads that share a row, each taking every so many-th chunk of it. A power of two. */
  readonly lanes: number;
  /** Results (of one token) that the same lanes make at a time: what they read of the vector serves all of these. */
  readonly outputs: number;
  /** Groups of lanes in a workgroup. */
  readonly groups: number;
}

/** The sizes of a matrix-vector product. */
export interface MatVecSizes {
  /** Length of a row in chunks; see `wgsl/chunks.ts`. */
  readonly chunks: number;
  /** Results per token. */
  readonly outputs: number;
  /** Rows of the matrix that make one result: 2 where a gate has a row of its own. */
  readonly rowsPerOutput: number;
  /** Tokens that are multiplied at a time. */
  readonly tokens: number;
}

/** Rows shorter than so many chunks per lane leave lanes idle. */
const MIN_CHUNKS_PER_LANE = 2;

/** How much longer the last lane's part of a row may be than an even share, for that many lanes to be worth it. */
const MAX_UNEVENNESS = 1.12;

/** Threads of a workgroup that a GPU wastes nothing of: the largest subgroup that is common. */
const SUBGROUP = 32;

/** The shape for these sizes on this adapter. */
export function matVecShape(sizes: MatVecSizes, traits: AdapterTraits): MatVecShape {
  const { chunks, outputs, rowsPerOutput, tokens } = sizes;
  // An emulated GPU runs lanes one after another, and barriers cost dearly: one lane takes a whole row.
  if (traits.software) return { lanes: 1, outputs: 1, groups: 64 };
  const shape = (most: number, results: number, groups: number): MatVecShape => {
    const lanes = fitting(most, chunks);
    return { lanes, outputs: results, groups: Math.max(groups, SUBGROUP / lanes) };
  };
  if (tokens > 1) return shape(32, Math.max(1, 4 / rowsPerOutput), 4);
  // Few rows: many lanes to each, or most of the GPU stays idle.
  if (outputs <= 512) return shape(256, 1, 1);
  if (outputs <= 2048) {
    const unevenness = (Math.ceil(chunks / 128) * 128) / chunks;
    return unevenness <= MAX_UNEVENNESS ? shape(128, 1, 2) : shape(32, 1, 1);
  }
  if (outputs <= 16_384) return shape(32, 1, 8);
  return shape(32, 2, 1);
}

/** So many lanes, or as many as have enough to do. */
function fitting(lanes: number, chunks: number): number {
  let fewer = lanes;
  while (fewer > 1 && chunks < fewer * MIN_CHUNKS_PER_LANE) fewer /= 2;
  return fewer;
}

/** Kept free of vectors in workgroup memory: for sums, and for what kernels keep there themselves. */
const OTHER_BYTE_LENGTH = 1024;

/** Vectors in workgroup memory may take so much; beyond, they are taken in slabs, or fewer workgroups would run at once. */
const MAX_STAGED_BYTE_LENGTH = 36 * 1024;

/** Bytes of workgroup memory for vectors that are to be multiplied. */
export function stagedByteLength({ maxWorkgroupByteLength }: AdapterTraits): number {
  return Math.min(MAX_STAGED_BYTE_LENGTH, maxWorkgroupByteLength - OTHER_BYTE_LENGTH);
}

/** Vectors of so many elements are staged whole on every adapter. */
export const MAX_WHOLE_VECTOR = 3584;

/** Up to so many tokens, rows are multiplied one by one with all of them; beyond, in tiles of rows and tokens. */
export const MAX_MAT_VEC_TOKENS = 64;

/** Tokens that one workgroup multiplies its rows with: as many as leave registers for the sums. */
export function matVecTokens(capacity: number, { software }: AdapterTraits): number {
  return software ? 1 : Math.min(8, 2 ** Math.ceil(Math.log2(capacity)));
}

/** Threads that share a channel of the state-space model, each with some of its states; a power of two. */
export function scanLanes(states: number, { software }: AdapterTraits): number {
  return software ? 1 : Math.min(16, 2 ** Math.floor(Math.log2(states)));
}
