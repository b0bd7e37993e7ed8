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

/** Four of `fma-chains`' threads to a vector: 4 · from to 4 · to. Its 16 chains in two turns, as 16 registers are all there are. */
export function fmaChains(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<FmaArgs>(address);
  const a = f32x4.splat(args.factor);
  for (let group = from; group < to; group++) {
    const at = (<usize>group) << 4;
    const b = v128.load(args.x + at);
    let sum = f32x4.splat(0);
    for (let first = 0; first < 16; first += 8) {
      const start = <f32>first;
      let c0 = f32x4.add(b, f32x4.splat(start));
      let c1 = f32x4.add(b, f32x4.splat(start + 1));
      let c2 = f32x4.add(b, f32x4.splat(start + 2));
      let c3 = f32x4.add(b, f32x4.splat(start + 3));
      let c4 = f32x4.add(b, f32x4.splat(start + 4));
      let c5 = f32x4.add(b, f32x4.splat(start + 5));
      let c6 = f32x4.add(b, f32x4.splat(start + 6));
      let c7 = f32x4.add(b, f32x4.splat(start + 7));
      for (let round = 0; round < args.rounds; round++) {
        c0 = f32x4.add(f32x4.mul(c0, a), b);
        c1 = f32x4.add(f32x4.mul(c1, a), b);
        c2 = f32x4.add(f32x4.mul(c2, a), b);
        c3 = f32x4.add(f32x4.mul(c3, a), b);
        c4 = f32x4.add(f32x4.mul(c4, a), b);
        c5 = f32x4.add(f32x4.mul(c5, a), b);
        c6 = f32x4.add(f32x4.mul(c6, a), b);
        c7 = f32x4.add(f32x4.mul(c7, a), b);
      }
      const even = f32x4.add(f32x4.add(c0, c2), f32x4.add(c4, c6));
      sum = f32x4.add(sum, f32x4.add(even, f32x4.add(f32x4.add(c1, c3), f32x4.add(c5, c7))));
    }
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
