/**
 * How the matrix kernels divide their work: every rule that was found by measuring, in one place. What was measured is in
 * docs/performance.md. Results never depend on what is chosen here, beyond rounding.
 */
import type { AdapterTraits, DType } from "@blackmamba/tensor";

/** How a matrix-vector product is divided over threads; see `wgsl/mat-vec.ts`. */
export interface MatVecShape {
  /** Threads that share a row, each taking every so many-th chunk of it. A power of two. */
  readonly lanes: number;
  /** Results (of one token) that the same lanes make at a time: what they read of the vector serves all of these. */
  readonly outputs: number;
  /** Groups of lanes in a workgroup. */
  readonly groups: number;
  /** Most elements of a chunk; see `wgsl/chunks.ts`. */
  readonly chunkElements: number;
}

/** The sizes of a matrix-vector product. */
export interface MatVecSizes {
  /** Length of a row. */
  readonly inputs: number;
  /** Results per token. */
  readonly outputs: number;
  /** Rows of the matrix that make one result: 2 where a gate has a row of its own. */
  readonly rowsPerOutput: number;
  /** Tokens that are multiplied at a time. */
  readonly tokens: number;
  /** Whether the vector is normalised on the way. */
  readonly isNormed: boolean;
}

/** Rows shorter than so many chunks per lane leave lanes idle. */
const MIN_CHUNKS_PER_LANE = 2;

/** Between 8 vectors of 1152 elements, which a GPU's nearest cache holds, and 8 of 1472. */
const MAX_CACHED_BYTE_LENGTH = 40_000;

/** Threads of a workgroup that a GPU wastes nothing of: the largest subgroup that is common. */
export const SUBGROUP = 32;

/** Matrices with so many rows fill a GPU with tiles of few tokens too. */
const MANY_ROWS = 16_384;

/** The shape for these sizes on this adapter. */
export function matVecShape(sizes: MatVecSizes, dtype: DType, traits: AdapterTraits): MatVecShape {
  const { inputs, outputs, rowsPerOutput, tokens, isNormed } = sizes;
  // An emulated GPU runs lanes one after another, and barriers cost dearly: one lane takes a whole row.
  if (traits.software) return { lanes: 1, outputs: 1, groups: 64, chunkElements: 32 };
  if (traits.chained) return chainedShape(sizes, dtype, traits.maxWorkgroupSize);
  // Vectors that lanes read from a buffer, a chunk apart, want narrow chunks; those in workgroup memory lie as they are read.
  // Where the vectors of a tile outgrow the nearest cache, more rows share what is read of them.
  const isCached = tokens * inputs * 4 <= MAX_CACHED_BYTE_LENGTH;
  const isWide = isNormed || dtype === "q4_0" || (tokens > 1 && !(rowsPerOutput === 2 && tokens === 8 && isCached));
  const chunkElements = isWide ? 8 : 4;
  const chunks = Math.ceil(inputs / Math.max(NARROWEST_CHUNK[dtype], Math.min(chunkElements, WIDEST_CHUNK[dtype])));
  const shape = (most: number, results: number, groups: number): MatVecShape => {
    // So many lanes, or as many as have enough to do.
    let lanes = most;
    while (lanes > 1 && (chunks < lanes * MIN_CHUNKS_PER_LANE || lanes > traits.maxWorkgroupSize)) lanes /= 2;
    const fitting = Math.min(Math.max(groups, SUBGROUP / lanes), Math.floor(traits.maxWorkgroupSize / lanes));
    return { lanes, outputs: results, groups: fitting, chunkElements };
  };
  if (tokens > 1) {
    if (outputs <= 512) return shape(128, 1, 1);
    if (rowsPerOutput === 2) return isCached ? shape(16, 2, 8) : shape(16, 4, 4);
    return outputs <= MANY_ROWS ? shape(32, 4, 4) : shape(16, 4, 16);
  }
  // Few rows: many lanes to each, or most of the GPU stays idle.
  if (outputs <= 512) return shape(256, 1, 2);
  if (outputs <= 2048) return shape(128, 1, 2);
  // Each workgroup normalises the vector for itself: fewer of them, with more rows.
  if (outputs <= MANY_ROWS) return shape(32, isNormed ? 2 : 1, 8);
  return dtype === "q8_0" ? shape(16, 2, 2) : shape(32, 2, 1);
}

/**
 * Tiles that a link is divided into, at most: as many as a large GPU has multiprocessors. All that wait for the same words slow
 * each other down, and with more tiles some multiprocessors have two to do when others have one.
 */
const MAX_TILES = 132;

/** A product with more results keeps a GPU busy long enough to be worth a dispatch of its own. */
export const MAX_CHAINED_OUTPUTS = MANY_ROWS;

/** Results of a group in a chain: more leave no registers for weights that are on their way. */
const MAX_CHAINED_RESULTS = 4;

/** In a chain all workgroups are of one size, and each waits for the whole vector: so there are few of them. */
function chainedShape({ outputs }: MatVecSizes, dtype: DType, workgroupSize: number): MatVecShape {
  const chunkElements = dtype === "q8_0" ? 16 : 8;
  if (outputs <= 512) return { lanes: 64, outputs: 1, groups: workgroupSize / 64, chunkElements };
  const groups = workgroupSize / SUBGROUP;
  const results = Math.min(MAX_CHAINED_RESULTS, Math.ceil(outputs / groups / MAX_TILES));
  return { lanes: SUBGROUP, outputs: results, groups, chunkElements };
}

/** The fewest elements that a chunk may have. */
const NARROWEST_CHUNK: Readonly<Record<DType, number>> = { f32: 4, u32: 4, f16: 4, bf16: 4, q8_0: 8, q4_0: 16 };

/** Elements of 16 bytes. */
const WIDEST_CHUNK: Readonly<Record<DType, number>> = { f32: 4, u32: 4, f16: 8, bf16: 8, q8_0: 16, q4_0: 32 };

/** Vectors of so many elements fit into the 16 KiB of workgroup memory that WebGPU promises, beside the sums of all threads. */
export const MAX_WHOLE_VECTOR = 2048;

/** Rows of a small matrix that every workgroup of another's product can multiply as well: their sums stay in registers. */
export const MAX_SMALL_ROWS = 16;

/** Up to so many tokens, rows are multiplied one by one with all of them; beyond, in tiles of rows and tokens. */
export const MAX_MAT_VEC_TOKENS = 64;

/** Whether rows are multiplied one by one, rather than in tiles of rows and tokens. */
export function isMatVec(tokens: number, outputs: number, { software }: AdapterTraits): boolean {
  return tokens === 1 || (!software && tokens <= (outputs > MANY_ROWS ? 16 : MAX_MAT_VEC_TOKENS));
}

/**
 * Tokens that one workgroup multiplies its rows with: as many as leave registers for the sums.
 *
 * @param matrices - of a stack, which tokens spread over: a tile is no larger than what falls to one of them
 */
export function matVecTokens(capacity: number, matrices: number, { software }: AdapterTraits): number {
  const most = matrices > 1 ? 4 : 8;
  return software ? 1 : Math.min(most, 2 ** Math.ceil(Math.log2(Math.ceil(capacity / matrices))));
}

/** Threads that share a channel of the state-space model, each with some of its states; a power of two. */
export function scanLanes(states: number, tokens: number, { software, chained }: AdapterTraits): number {
  // Several tokens fill the GPU with fewer lanes, of which each does the channel's own work once more; and links have few tiles.
  const most = tokens > 4 || chained ? 4 : 16;
  return software ? 1 : Math.min(most, 2 ** Math.floor(Math.log2(states)));
}
