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
  /** Whether the vector is normalised on the way. */
  readonly isNormed: boolean;
}

/** Rows shorter than so many chunks per lane leave lanes idle. */
const MIN_CHUNKS_PER_LANE = 2;

/** Threads of a workgroup that a GPU wastes nothing of: the largest subgroup that is common. */
export const SUBGROUP = 32;

/** Matrices with so many rows fill a GPU with tiles of few tokens too. */
const MANY_ROWS = 16_384;

/** The shape for these sizes on this adapter. */
export function matVecShape(sizes: MatVecSizes, dtype: DType, traits: AdapterTraits): MatVecShape {
  const { inputs, outputs, isNormed } = sizes;
  // An emulated GPU runs lanes one after another, and barriers cost dearly: one lane takes a whole row.
  if (traits.software) return { lanes: 1, outputs: 1, groups: 64, chunkElements: 32 };
  if (traits.chained) return chainedShape(outputs, dtype, traits.maxWorkgroupSize);
  // A vector that lanes read from a buffer, a chunk apart, wants narrow chunks; one in workgroup memory lies as it is read.
  const chunkElements = isNormed || dtype === "q4_0" ? 8 : 4;
  const chunks = chunksOf(inputs, dtype, chunkElements);
  const shape = (most: number, results: number, groups: number): MatVecShape => {
    // So many lanes, or as many as have enough to do.
    let lanes = most;
    while (lanes > 1 && (chunks < lanes * MIN_CHUNKS_PER_LANE || lanes > traits.maxWorkgroupSize)) lanes /= 2;
    const fitting = Math.min(Math.max(groups, SUBGROUP / lanes), Math.floor(traits.maxWorkgroupSize / lanes));
    return { lanes, outputs: results, groups: fitting, chunkElements };
  };
  // Few rows: many lanes to each, or most of the GPU stays idle.
  if (outputs <= 512) return shape(256, 1, 2);
  if (outputs <= 2048) return shape(128, 1, 2);
  // Each workgroup normalises the vector for itself: fewer of them, with more rows.
  if (outputs <= MANY_ROWS) return shape(32, isNormed ? 2 : 1, 8);
  return dtype === "q8_0" ? shape(16, 2, 2) : shape(32, 2, 1);
}

/** How a matrix is multiplied with several vectors; see `wgsl/mat-vecs.ts`. */
export interface MatVecsShape extends MatVecShape {
  /** Vectors that a workgroup multiplies its rows with at a time. A power of two. */
  readonly tokens: number;
  /** Elements of these that it has in workgroup memory at a time: a multiple of what its lanes multiply together. */
  readonly slab: number;
}

/** The sizes of a matrix, or a stack of them, and several vectors. */
export interface MatVecsSizes {
  /** Length of a row. */
  readonly inputs: number;
  /** Results per token. */
  readonly outputs: number;
  /** Rows of a matrix that make one result: 2 where a gate has a row of its own. */
  readonly rowsPerOutput: number;
  /** The most vectors that there may be. */
  readonly capacity: number;
  /** Of the stack. */
  readonly matrices: number;
}

/** Threads of a workgroup: those that are there at a time share vectors, and workgroup memory is what limits how many there are. */
const MAT_VECS_WORKGROUP_SIZES = [384, 256, 128];

/** Bytes of workgroup memory for vectors: 8 of 1152 elements, with which a GPU has one workgroup or more on each multiprocessor. */
const MAX_STAGED_BYTE_LENGTH = 40_000;

/** What else a workgroup keeps there, besides 16 bytes for each thread: which tokens are an expert's, and gaps. */
const OTHER_BYTE_LENGTH = 2560;

/** The shape for these sizes on this adapter, which is no emulated one. */
export function matVecsShape(sizes: MatVecsSizes, dtype: DType, traits: AdapterTraits): MatVecsShape {
  const { inputs, outputs, rowsPerOutput, capacity } = sizes;
  const most = fewTile(sizes);
  const tokens = Math.min(most.tokens, 2 ** Math.ceil(Math.log2(Math.max(2, capacity))));
  const threads = MAT_VECS_WORKGROUP_SIZES.find((size) => size <= traits.maxWorkgroupSize) ?? 64;
  const byteLength = Math.min(MAX_STAGED_BYTE_LENGTH, traits.maxWorkgroupByteLength - 16 * threads - OTHER_BYTE_LENGTH);
  const mostElements = byteLength / 4 / tokens;
  const chunkElements = 32;
  const chunks = chunksOf(inputs, dtype, chunkElements);
  const perChunk = Math.ceil(inputs / chunks / 4) * 4;
  let { lanes } = most;
  while (lanes > 1 && (chunks < lanes || lanes * perChunk > mostElements)) lanes /= 2;
  const unit = lanes * perChunk;
  const units = Math.ceil(inputs / unit);
  const slabs = Math.ceil(units / Math.max(1, Math.floor(mostElements / unit)));
  return {
    lanes,
    outputs: Math.max(1, Math.min(most.rows / rowsPerOutput, outputs)),
    groups: threads / lanes,
    chunkElements,
    tokens,
    slab: Math.ceil(units / slabs) * unit,
  };
}

/**
 * The lanes to a row, the rows that these have, and the tokens. Each element of a vector serves all rows of a thread, each of the
 * weights all tokens; but with fewer rows more lanes have to share them, or there are too few workgroups.
 */
function fewTile({ inputs, outputs, rowsPerOutput, matrices }: MatVecsSizes): {
  lanes: number;
  rows: number;
  tokens: number;
} {
  if (outputs <= 512) return { lanes: 32, rows: 1, tokens: 2 };
  const isStack = matrices > 1;
  if (outputs * rowsPerOutput <= 4096)
    return isStack ? { lanes: 16, rows: 6, tokens: 4 } : { lanes: 32, rows: 8, tokens: 4 };
  // Eight tokens, where what is read of them need not be divided.
  if (8 * inputs * 4 <= MAX_STAGED_BYTE_LENGTH) return { lanes: 8, rows: isStack ? 8 : 4, tokens: 8 };
  return { lanes: 8, rows: isStack ? 4 : 8, tokens: 4 };
}

/** Chunks of a row, with so many elements at most. */
function chunksOf(inputs: number, dtype: DType, mostElements: number): number {
  return Math.ceil(inputs / Math.max(NARROWEST_CHUNK[dtype], Math.min(mostElements, WIDEST_CHUNK[dtype])));
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
function chainedShape(outputs: number, dtype: DType, workgroupSize: number): MatVecShape {
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

/** Up to so many tokens, those that decode together, rows are multiplied with a few at a time; beyond, in tiles of rows and tokens. */
export const MAX_FEW_TOKENS = 64;

/** As {@link MAX_FEW_TOKENS}, of matrices whose tiles fill a GPU with few tokens too. */
const MAX_FEW_TOKENS_OF_MANY_ROWS = 16;

/** Whether so many tokens are a few. */
export function isFew(tokens: number, outputs: number, { software }: AdapterTraits): boolean {
  return !software && tokens <= (outputs > MANY_ROWS ? MAX_FEW_TOKENS_OF_MANY_ROWS : MAX_FEW_TOKENS);
}

/** Threads that share a channel of the state-space model, each with some of its states; a power of two. */
export function scanLanes(states: number, tokens: number, { software, chained }: AdapterTraits): number {
  // Several tokens fill the GPU with fewer lanes, of which each does the channel's own work once more; and links have few tiles.
  const most = tokens > 4 || chained ? 4 : 16;
  return software ? 1 : Math.min(most, 2 ** Math.floor(Math.log2(states)));
}
