/**
 * How a matrix-matrix product is cut into tiles: the sizes, and the one rule that chooses among them.
 * Not here: the shader, see `gemm-tiled.wgsl.ts`.
 */

/** The shape of a workgroup's tile and of its threads' shares. */
export interface Tiling {
  /** Tokens of a thread's sums: a multiple of 4. */
  readonly tokensPerThread: number;
  /** Rows of weights of a thread's sums: a multiple of 4. */
  readonly rowsPerThread: number;
  /** Threads that share a tile's tokens. */
  readonly tokenThreads: number;
  /** Threads that share a tile's rows. */
  readonly rowThreads: number;
  /** Groups of tokenThreads × rowThreads threads, each of which adds up its own share of the inputs. */
  readonly slices: number;
  /** Inputs that a slice multiplies between two barriers: a multiple of 8. */
  readonly depth: number;
}

/** Sizes that follow from a tiling. */
export function tilingSizes(tiling: Tiling) {
  const { tokensPerThread, rowsPerThread, tokenThreads, rowThreads, slices, depth } = tiling;
  const [tokens, rows, inputs] = [tokensPerThread * tokenThreads, rowsPerThread * rowThreads, depth * slices];
  return {
    /** Tokens of a workgroup's tile. */
    tokens,
    /** Rows of weights of a workgroup's tile. */
    rows,
    /** Inputs staged at once. */
    inputs,
    threads: tokenThreads * rowThreads * slices,
    /** Bytes of workgroup memory. */
    byteLength: (tokens + rows) * inputs * 4,
  };
}

/** The tilings there are, largest first. Each fits WebGPU's default limits: 256 threads, 16,384 bytes. */
export const TILINGS = {
  /** 64 × 64 */
  large: { tokensPerThread: 8, rowsPerThread: 8, tokenThreads: 8, rowThreads: 8, slices: 1, depth: 16 },
  /** 64 × 32 */
  medium: { tokensPerThread: 8, rowsPerThread: 4, tokenThreads: 8, rowThreads: 8, slices: 2, depth: 16 },
  /** 32 × 128 */
  flat: { tokensPerThread: 8, rowsPerThread: 8, tokenThreads: 4, rowThreads: 16, slices: 2, depth: 8 },
  /** 32 × 32 */
  small: { tokensPerThread: 4, rowsPerThread: 4, tokenThreads: 8, rowThreads: 8, slices: 4, depth: 16 },
} as const satisfies Record<string, Tiling>;

/** Workgroups that keep a large GPU busy: two for each of an H200's 132 processors. */
const ENOUGH_WORKGROUPS = 264;

/**
 * The tiling for a product: the largest that is not mostly empty and has enough workgroups; else the smallest.
 *
 * @param tokens - the most that a run may have
 * @param rows - of each matrix of weights
 * @param experts - matrices of the stack, among which tokens are divided
 */
export function chooseTiling(tokens: number, rows: number, experts: number): Tiling {
  const tokensPerExpert = tokens / experts;
  for (const tiling of [TILINGS.large, TILINGS.medium, TILINGS.flat]) {
    const tile = tilingSizes(tiling);
    const workgroups = Math.ceil(tokensPerExpert / tile.tokens) * experts * Math.ceil(rows / tile.rows);
    if (tokensPerExpert > tile.tokens / 2 && workgroups >= ENOUGH_WORKGROUPS) return tiling;
  }
  return TILINGS.small;
}
