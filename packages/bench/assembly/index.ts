/**
 * What a processor can do at best, on all threads: tasks as in `packages/kernels/assembly/index.ts`.
 */

/** `../src/ceiling/copy-words.wasm.ts` writes it, in this order. */
@unmanaged
class CopyArgs {
  out: usize;
  x: usize;
  /** Of each piece. */
  byteLength: u32;
}

/** Pieces from to to, each as memory is best copied here. */
export function copyWords(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<CopyArgs>(address);
  const start = <usize>from * args.byteLength;
  memory.copy(args.out + start, args.x + start, <usize>(to - from) * args.byteLength);
}

/** `../src/ceiling/fma-chains.wasm.ts` writes it, in this order. */
@unmanaged
class FmaArgs {
  out: usize;
  x: usize;
  rounds: i32;
  factor: f32;
  count: i32;
}

/** Four of `fma-chains`' threads to a vector, all chains in registers: 4 · from to 4 · to. */
export function fmaChains(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<FmaArgs>(address);
  const a = f32x4.splat(args.factor);
  for (let group = from; group < to; group++) {
    const at = (<usize>group) << 4;
    const b = v128.load(args.x + at);
    let c0 = f32x4.add(b, f32x4.splat(0));
    let c1 = f32x4.add(b, f32x4.splat(1));
    let c2 = f32x4.add(b, f32x4.splat(2));
    let c3 = f32x4.add(b, f32x4.splat(3));
    let c4 = f32x4.add(b, f32x4.splat(4));
    let c5 = f32x4.add(b, f32x4.splat(5));
    let c6 = f32x4.add(b, f32x4.splat(6));
    let c7 = f32x4.add(b, f32x4.splat(7));
    let c8 = f32x4.add(b, f32x4.splat(8));
    let c9 = f32x4.add(b, f32x4.splat(9));
    let c10 = f32x4.add(b, f32x4.splat(10));
    let c11 = f32x4.add(b, f32x4.splat(11));
    for (let round = 0; round < args.rounds; round++) {
      c0 = f32x4.add(f32x4.mul(c0, a), b);
      c1 = f32x4.add(f32x4.mul(c1, a), b);
      c2 = f32x4.add(f32x4.mul(c2, a), b);
      c3 = f32x4.add(f32x4.mul(c3, a), b);
      c4 = f32x4.add(f32x4.mul(c4, a), b);
      c5 = f32x4.add(f32x4.mul(c5, a), b);
      c6 = f32x4.add(f32x4.mul(c6, a), b);
      c7 = f32x4.add(f32x4.mul(c7, a), b);
      c8 = f32x4.add(f32x4.mul(c8, a), b);
      c9 = f32x4.add(f32x4.mul(c9, a), b);
      c10 = f32x4.add(f32x4.mul(c10, a), b);
      c11 = f32x4.add(f32x4.mul(c11, a), b);
    }
    const low = f32x4.add(f32x4.add(c0, c1), f32x4.add(f32x4.add(c2, c3), f32x4.add(c4, c5)));
    const sum = f32x4.add(low, f32x4.add(f32x4.add(c6, c7), f32x4.add(f32x4.add(c8, c9), f32x4.add(c10, c11))));
    if ((group << 2) + 4 <= args.count) {
      v128.store(args.out + at, sum);
      continue;
    }
    // The last few lanes one by one: what follows is another tensor's.
    const end = args.count - (group << 2);
    store<f32>(args.out + at, f32x4.extract_lane(sum, 0));
    if (end > 1) store<f32>(args.out + at, f32x4.extract_lane(sum, 1), 4);
    if (end > 2) store<f32>(args.out + at, f32x4.extract_lane(sum, 2), 8);
  }
}
