/**
 * The hidden attention of a scan, 16 rows and 16 columns at a time: see `../src/hidden-attention/hidden-attention.ts`.
 *
 * Below the diagonal the time between two tokens is that from the column's token to the tile's first row and that from there on:
 * exp(A · both) is a product, of which each factor serves 16 times. What is left is a product of matrices.
 */
import { exp4, laneMask, mulAdd, splat, storeLanes } from "../../kernels/assembly/math";

/** `../src/hidden-attention/hidden-attention.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class AttentionArgs {
  out: usize;
  outStride: i32;
  dt: usize;
  dtStride: i32;
  A: usize;
  B: usize;
  BStride: i32;
  C: usize;
  CStride: i32;
  inner: i32;
  states: i32;
  columns: i32;
  tokens: i32;
}

/** Rows and columns of a tile. */
const TILE: i32 = 16;

/** Bytes of a tile's row. */
const ROW: usize = 64;

/**
 * exp(x), and 0 below 4e-18, which is nothing beside the weights of near tokens: products of two that are smaller yet would be
 * subnormal numbers, which processors take a hundred times as long for.
 */
@inline
function decay4(x: v128): v128 {
  return v128.and(exp4(x), f32x4.ge(x, splat(-40.0)));
}

/** A thread's own memory. The tile comes first. */
@inline
function factorsOf(scratch: usize): usize {
  return scratch + ROW * TILE;
}

/** Adds all channels to the tile on the diagonal, whose first row and column are those of token `first`. */
function diagonal(args: AttentionArgs, first: i32, rows: i32, tile: usize): void {
  const states = args.states;
  const whole = (<usize>states & ~3) << 2;
  const rest = states & 3;
  const mask = laneMask(rest);
  const dtStride = args.dtStride;
  for (let d = 0; d < args.inner; d++) {
    const A = args.A + ((<usize>(d * states)) << 2);
    const dt = args.dt + ((<usize>d) << 2) + <usize>(first * dtStride);
    for (let s = 0; s < rows; s++) {
      const B = args.B + <usize>((first + s) * args.BStride);
      const own = load<f32>(dt + <usize>(s * dtStride));
      let elapsed: f32 = 0;
      for (let t = s; t < rows; t++) {
        if (t > s) elapsed += load<f32>(dt + <usize>(t * dtStride));
        const C = args.C + <usize>((first + t) * args.CStride);
        const time = splat(elapsed);
        let sum = splat(0);
        for (let at: usize = 0; at < whole; at += 16) {
          const decay = decay4(f32x4.mul(time, v128.load(A + at)));
          sum = mulAdd(decay, f32x4.mul(v128.load(B + at), v128.load(C + at)), sum);
        }
        if (rest) {
          const decay = decay4(f32x4.mul(time, v128.load(A + whole)));
          const product = f32x4.mul(decay, f32x4.mul(v128.load(B + whole), v128.load(C + whole)));
          sum = f32x4.add(sum, v128.and(product, mask));
        }
        const total =
          f32x4.extract_lane(sum, 0) +
          f32x4.extract_lane(sum, 1) +
          f32x4.extract_lane(sum, 2) +
          f32x4.extract_lane(sum, 3);
        const at = tile + ROW * t + ((<usize>s) << 2);
        store<f32>(at, load<f32>(at) + own * total);
      }
    }
  }
}

/** Adds all channels to a tile below the diagonal. */
function below(args: AttentionArgs, firstRow: i32, rows: i32, firstColumn: i32, scratch: usize): void {
  const states = args.states;
  const dtStride = args.dtStride;
  const byState = ROW * states;
  const elapsed = factorsOf(scratch);
  const times = elapsed + ROW;
  const sums = times + ROW;
  /** For each state and column: B. */
  const inputs = sums + ROW;
  /** For each state and column: exp(A · time until the first row) · dt · B. */
  const columns = inputs + byState;
  /** For each state: exp(A · time since the first row) · C. */
  const row = columns + byState;
  for (let n = 0; n < states; n++) {
    for (let s = 0; s < TILE; s++) {
      const B = args.B + <usize>((firstColumn + s) * args.BStride) + ((<usize>n) << 2);
      store<f32>(inputs + ROW * n + ((<usize>s) << 2), load<f32>(B));
    }
  }
  for (let d = 0; d < args.inner; d++) {
    const dt = args.dt + ((<usize>d) << 2);
    const A = args.A + ((<usize>(d * states)) << 2);
    if ((d & 3) == 0) {
      // Of four channels at a time.
      let sum = splat(0);
      for (let k = firstColumn + TILE; k <= firstRow; k++) sum = f32x4.add(sum, v128.load(dt + <usize>(k * dtStride)));
      v128.store(sums, sum);
    }
    let passed = load<f32>(sums + ((<usize>(d & 3)) << 2));
    for (let s = TILE - 1; s >= 0; s--) {
      const own = load<f32>(dt + <usize>((firstColumn + s) * dtStride));
      store<f32>(elapsed + ((<usize>s) << 2), passed);
      store<f32>(times + ((<usize>s) << 2), own);
      passed += own;
    }
    for (let at: usize = 0; at < ROW; at += 16) {
      const time = v128.load(elapsed + at);
      const own = v128.load(times + at);
      for (let n = 0; n < states; n++) {
        const decay = decay4(f32x4.mul(v128.load32_splat(A + ((<usize>n) << 2)), time));
        v128.store(columns + ROW * n + at, f32x4.mul(f32x4.mul(decay, own), v128.load(inputs + ROW * n + at)));
      }
    }
    let since: f32 = 0;
    for (let t = 0; t < rows; t++) {
      if (t > 0) since += load<f32>(dt + <usize>((firstRow + t) * dtStride));
      const time = splat(since);
      const C = args.C + <usize>((firstRow + t) * args.CStride);
      for (let at: usize = 0; at < (<usize>states) << 2; at += 16) {
        v128.store(row + at, f32x4.mul(decay4(f32x4.mul(time, v128.load(A + at))), v128.load(C + at)));
      }
      const tile = scratch + ROW * t;
      let sum0 = v128.load(tile);
      let sum1 = v128.load(tile + 16);
      let sum2 = v128.load(tile + 32);
      let sum3 = v128.load(tile + 48);
      for (let n = 0; n < states; n++) {
        const factor = v128.load32_splat(row + ((<usize>n) << 2));
        const column = columns + ROW * n;
        sum0 = mulAdd(factor, v128.load(column), sum0);
        sum1 = mulAdd(factor, v128.load(column + 16), sum1);
        sum2 = mulAdd(factor, v128.load(column + 32), sum2);
        sum3 = mulAdd(factor, v128.load(column + 48), sum3);
      }
      v128.store(tile, sum0);
      v128.store(tile + 16, sum1);
      v128.store(tile + 32, sum2);
      v128.store(tile + 48, sum3);
    }
  }
}

/** Tiles from to to, row after row of them. */
export function hiddenAttention(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<AttentionArgs>(address);
  const across = (args.columns + TILE - 1) / TILE;
  const scale = splat(<f32>(1.0 / (<f64>args.inner * <f64>args.states)));
  for (let index = from; index < to; index++) {
    const firstRow = (index / across) * TILE;
    const firstColumn = (index % across) * TILE;
    const rows = min(TILE, args.tokens - firstRow);
    memory.fill(scratch, 0, ROW * TILE);
    if (firstColumn == firstRow) diagonal(args, firstRow, rows, scratch);
    else if (firstColumn < firstRow) below(args, firstRow, rows, firstColumn, scratch);
    for (let t = 0; t < rows; t++) {
      const out = args.out + <usize>((firstRow + t) * args.outStride) + ((<usize>firstColumn) << 2);
      for (let s = 0; s < min(TILE, args.columns - firstColumn); s += 4) {
        const at = (<usize>s) << 2;
        const value = f32x4.mul(v128.load(scratch + ROW * t + at), scale);
        storeLanes(out + at, value, args.columns - firstColumn - s);
      }
    }
  }
}
