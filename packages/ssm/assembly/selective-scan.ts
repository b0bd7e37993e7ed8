/**
 * The selective scan with its gate, four channels at a time: see `../src/selective-scan/selective-scan.ts`. A channel's states
 * are the lanes.
 */
import { exp4, laneMask, mulAdd, silu4, splat, storeLanes, sumLanes } from "../../kernels/assembly/math";

/** `../src/selective-scan/selective-scan.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class ScanArgs {
  out: usize;
  outStride: i32;
  u: usize;
  uStride: i32;
  dt: usize;
  dtStride: i32;
  A: usize;
  B: usize;
  BStride: i32;
  C: usize;
  CStride: i32;
  D: usize;
  z: usize;
  zStride: i32;
  /** f32 [sequences, inner, states]. */
  state: usize;
  inner: i32;
  states: i32;
  sequences: i32;
  /** Of each sequence; what each token has comes in their order. */
  tokens: i32;
}

/** One channel's step: sets its states and returns Σ_n s[n] · C[n], not yet added up over the lanes. */
@inline
function step(A: usize, state: usize, B: usize, C: usize, states: i32, dt: f32, u: f32): v128 {
  const time = splat(dt);
  const input = splat(dt * u);
  let y = splat(0);
  const whole = (<usize>states & ~3) << 2;
  for (let at: usize = 0; at < whole; at += 16) {
    const decay = exp4(f32x4.mul(time, v128.load(A + at)));
    const s = mulAdd(decay, v128.load(state + at), f32x4.mul(input, v128.load(B + at)));
    v128.store(state + at, s);
    y = mulAdd(s, v128.load(C + at), y);
  }
  const rest = states & 3;
  if (rest) {
    const decay = exp4(f32x4.mul(time, v128.load(A + whole)));
    const s = mulAdd(decay, v128.load(state + whole), f32x4.mul(input, v128.load(B + whole)));
    storeLanes(state + whole, s, rest);
    const mask = laneMask(rest);
    y = mulAdd(v128.and(s, mask), v128.and(v128.load(C + whole), mask), y);
  }
  return y;
}

/** Channels 4 · from to 4 · to. */
export function selectiveScan(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<ScanArgs>(address);
  const inner = args.inner;
  const states = args.states;
  const tokens = args.tokens;
  const stride = (<usize>states) << 2;
  for (let group = from; group < to; group++) {
    const channel = group << 2;
    const at = (<usize>channel) << 2;
    const lanes = inner - channel;
    const A = args.A + stride * channel;
    const D = v128.load(args.D + at);
    for (let sequence = 0; sequence < args.sequences; sequence++) {
      const state = args.state + stride * (sequence * inner + channel);
      const end = (sequence + 1) * tokens;
      for (let token = sequence * tokens; token < end; token++) {
        const u = args.u + <usize>(token * args.uStride) + at;
        const dt = args.dt + <usize>(token * args.dtStride) + at;
        const B = args.B + <usize>(token * args.BStride);
        const C = args.C + <usize>(token * args.CStride);
        const y0 = step(A, state, B, C, states, load<f32>(dt), load<f32>(u));
        let y1 = splat(0);
        let y2 = splat(0);
        let y3 = splat(0);
        if (lanes > 1) y1 = step(A + stride, state + stride, B, C, states, load<f32>(dt + 4), load<f32>(u + 4));
        if (lanes > 2) y2 = step(A + 2 * stride, state + 2 * stride, B, C, states, load<f32>(dt + 8), load<f32>(u + 8));
        if (lanes > 3) y3 = step(A + 3 * stride, state + 3 * stride, B, C, states, load<f32>(dt + 12), load<f32>(u + 12));
        const y = mulAdd(D, v128.load(u), sumLanes(y0, y1, y2, y3));
        const gate = silu4(v128.load(args.z + <usize>(token * args.zStride) + at));
        storeLanes(args.out + <usize>(token * args.outStride) + at, f32x4.mul(y, gate), lanes);
      }
    }
  }
}
