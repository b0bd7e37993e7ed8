/**
 * RMSNorm and LayerNorm of rows: see `../src/norm/norm.ts`. Sums of a row are kept in four lanes of float32.
 */
import { laneMask, mulAdd, splat, storeLanes } from "./math";

/** `../src/norm/norm.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class NormArgs {
  x: usize;
  xStride: i32;
  out: usize;
  outStride: i32;
  weight: usize;
  /** f32 [hidden], or 0. */
  bias: usize;
  hidden: i32;
  epsilon: f32;
  /** Whether the mean is subtracted: LayerNorm. */
  centred: i32;
}

@inline
function sumOf(lanes: v128): f64 {
  return (
    <f64>f32x4.extract_lane(lanes, 0) +
    <f64>f32x4.extract_lane(lanes, 1) +
    <f64>f32x4.extract_lane(lanes, 2) +
    <f64>f32x4.extract_lane(lanes, 3)
  );
}

/** Tokens `from` to `to`. */
export function norm(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<NormArgs>(address);
  const hidden = args.hidden;
  for (let token = from; token < to; token++) {
    const x = args.x + <usize>(token * args.xStride);
    const out = args.out + <usize>(token * args.outStride);
    let mean = splat(0);
    if (args.centred) {
      let sums = splat(0);
      for (let i = 0; i < hidden; i += 4) {
        let value = v128.load(x + ((<usize>i) << 2));
        if (i + 4 > hidden) value = v128.and(value, laneMask(hidden - i));
        sums = f32x4.add(sums, value);
      }
      mean = splat(<f32>(sumOf(sums) / hidden));
    }
    let squares = splat(0);
    for (let i = 0; i < hidden; i += 4) {
      let value = f32x4.sub(v128.load(x + ((<usize>i) << 2)), mean);
      if (i + 4 > hidden) value = v128.and(value, laneMask(hidden - i));
      squares = mulAdd(value, value, squares);
    }
    const factor = splat(<f32>(1.0 / Math.sqrt(sumOf(squares) / hidden + args.epsilon)));
    for (let i = 0; i < hidden; i += 4) {
      const at = (<usize>i) << 2;
      let value = f32x4.mul(f32x4.sub(v128.load(x + at), mean), factor);
      value = f32x4.mul(value, v128.load(args.weight + at));
      if (args.bias) value = f32x4.add(value, v128.load(args.bias + at));
      storeLanes(out + at, value, hidden - i);
    }
  }
}
