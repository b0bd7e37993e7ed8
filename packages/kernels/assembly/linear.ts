/**
 * out[t] (+)= scale[t] · activation( W · x[t] + bias ), for a part of the rows of one matrix W.
 *
 * `matVec` is for one token: it reads the weights as they are, once. `matMul` is for several: it unpacks a few rows at a time,
 * which all tokens then use.
 */
import { gelu4, laneMask, mulAdd, softplus4, splat, storeLanes, sumLanes } from "./math";
import { BF16, cutDigits, dotRows, F16, F32, Q8_0, unpackRow } from "./weights";

/** Bits of `flags`. */
const SOFTPLUS: i32 = 1;
const GELU: i32 = 2;
const GATED: i32 = 4;
const ACCUMULATE: i32 = 8;

/** `../src/linear/linear.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class LinearArgs {
  values: usize;
  /** Of types that have them. */
  scales: usize;
  type: i32;
  inputs: i32;
  /** Results; with GATED there are twice as many rows, all gates first. */
  outputs: i32;
  /** For `matVec` with a quantised type: what `cut` made of it. */
  x: usize;
  xStride: i32;
  out: usize;
  outStride: i32;
  /** f32 [rows], or 0. */
  bias: usize;
  flags: i32;
  /** f32, one per token, or 0. */
  scale: usize;
  scaleStride: i32;
  tokens: i32;
  /** u32 [tokens], which row of x, out and scale each token has; 0: as they come. */
  members: usize;
  /** Rows that `matMul` unpacks at a time, a multiple of 4. */
  rowsPerBlock: i32;
}

/** Bytes of one row of weights. */
@inline
function rowBytes(type: i32, inputs: i32): usize {
  if (type == F32) return (<usize>inputs) << 2;
  if (type == F16 || type == BF16) return (<usize>inputs) << 1;
  if (type == Q8_0) return <usize>inputs;
  return (<usize>inputs) >> 1;
}

/** Which row of x and out the token has. */
@inline
function memberAt(args: LinearArgs, token: i32): i32 {
  return args.members ? <i32>load<u32>(args.members + ((<usize>token) << 2)) : token;
}

/** Four sums with their rows' bias. */
@inline
function withBias(args: LinearArgs, sums: v128, row: i32): v128 {
  return args.bias ? f32x4.add(sums, v128.load(args.bias + ((<usize>row) << 2))) : sums;
}

/** Scale and store of four outputs of one token. */
@inline
function store(args: LinearArgs, values: v128, output: i32, member: i32): void {
  if (args.scale) values = f32x4.mul(values, v128.load_splat<f32>(args.scale + <usize>(member * args.scaleStride)));
  const out = args.out + <usize>(member * args.outStride) + ((<usize>output) << 2);
  if (args.flags & ACCUMULATE) values = f32x4.add(values, v128.load(out));
  storeLanes(out, values, args.outputs - output);
}

/** Bias, activation, scale and store of four outputs of one token. */
@inline
function finish(args: LinearArgs, sums: v128, row: i32, member: i32): void {
  let values = withBias(args, sums, row);
  if (args.flags & SOFTPLUS) values = softplus4(values);
  if (args.flags & GELU) values = gelu4(values);
  store(args, values, row, member);
}

/** Products of four rows, the first `row0`; beyond the last row of the matrix's part the last one is taken again. */
@inline
function products(args: LinearArgs, row0: i32, last: i32, x: usize): v128 {
  const type = args.type;
  const inputs = args.inputs;
  const stride = rowBytes(type, inputs);
  const scaleStride = (<usize>inputs) >> 4;
  const row1 = min(row0 + 1, last);
  const row2 = min(row0 + 2, last);
  const row3 = min(row0 + 3, last);
  const values = args.values;
  const scales = args.scales;
  return dotRows(
    type,
    values + stride * row0,
    values + stride * row1,
    values + stride * row2,
    values + stride * row3,
    scales + scaleStride * row0,
    scales + scaleStride * row1,
    scales + scaleStride * row2,
    scales + scaleStride * row3,
    x,
    inputs,
  );
}

/** `../src/linear/linear.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class CutArgs {
  digits: usize;
  digitsStride: i32;
  x: usize;
  xStride: i32;
  inputs: i32;
  type: i32;
  /** u32, which row of x and digits each token has; 0: as they come. */
  members: usize;
}

/** The digits of x that `matVec` needs for quantised weights: tokens `from` to `to`. */
export function cut(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<CutArgs>(address);
  for (let token = from; token < to; token++) {
    const member = args.members ? <i32>load<u32>(args.members + ((<usize>token) << 2)) : token;
    const x = args.x + <usize>(member * args.xStride);
    cutDigits(args.type, x, args.inputs, args.digits + <usize>(member * args.digitsStride));
  }
}

/** For every token, outputs 4 · from to 4 · to. */
export function matVec(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<LinearArgs>(address);
  const outputs = args.outputs;
  for (let token = 0; token < args.tokens; token++) {
    const member = memberAt(args, token);
    const x = args.x + <usize>(member * args.xStride);
    for (let group = from; group < to; group++) {
      const output = group << 2;
      const sums = products(args, output, outputs - 1, x);
      if (args.flags & GATED) {
        const gates = gelu4(withBias(args, sums, output));
        const row = outputs + output;
        store(args, f32x4.mul(gates, withBias(args, products(args, row, 2 * outputs - 1, x), row)), output, member);
      } else {
        finish(args, sums, output, member);
      }
    }
  }
}

/** For every token, outputs of the blocks of rows `from` to `to`. Not for GATED: see `activate`. */
export function matMul(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<LinearArgs>(address);
  const type = args.type;
  const inputs = args.inputs;
  const outputs = args.outputs;
  const stride = rowBytes(type, inputs);
  const scaleStride = (<usize>inputs) >> 4;
  const tokens = args.tokens;
  const whole = inputs & ~3;
  const rest = laneMask(inputs - whole);
  const wholeBytes = (<usize>whole) << 2;
  const unpackedStride = ((<usize>inputs + 3) & ~3) << 2;
  // Unpacked rows are filled up with zeros; float32 rows that need no filling are used where they are.
  const inPlace = type == F32 && whole == inputs;

  for (let block = from; block < to; block++) {
    const first = block * args.rowsPerBlock;
    const end = min(first + args.rowsPerBlock, outputs);
    if (!inPlace) {
      for (let row = first; row < end; row++) {
        const target = scratch + unpackedStride * (row - first);
        unpackRow(type, args.values + stride * row, args.scales + scaleStride * row, inputs, target);
      }
    }
    const base = inPlace ? args.values + stride * first : scratch;
    for (let token = 0; token < tokens; token += 2) {
      const member0 = memberAt(args, token);
      const member1 = token + 1 < tokens ? memberAt(args, token + 1) : member0;
      const x0 = args.x + <usize>(member0 * args.xStride);
      const x1 = args.x + <usize>(member1 * args.xStride);
      for (let row = first; row < end; row += 4) {
        const last = end - first - 1;
        const local = row - first;
        const w0 = base + unpackedStride * local;
        const w1 = base + unpackedStride * min(local + 1, last);
        const w2 = base + unpackedStride * min(local + 2, last);
        const w3 = base + unpackedStride * min(local + 3, last);
        let a0 = splat(0);
        let a1 = splat(0);
        let a2 = splat(0);
        let a3 = splat(0);
        let b0 = splat(0);
        let b1 = splat(0);
        let b2 = splat(0);
        let b3 = splat(0);
        for (let at: usize = 0; at < wholeBytes; at += 16) {
          const a = v128.load(x0 + at);
          const b = v128.load(x1 + at);
          let w = v128.load(w0 + at);
          a0 = mulAdd(w, a, a0);
          b0 = mulAdd(w, b, b0);
          w = v128.load(w1 + at);
          a1 = mulAdd(w, a, a1);
          b1 = mulAdd(w, b, b1);
          w = v128.load(w2 + at);
          a2 = mulAdd(w, a, a2);
          b2 = mulAdd(w, b, b2);
          w = v128.load(w3 + at);
          a3 = mulAdd(w, a, a3);
          b3 = mulAdd(w, b, b3);
        }
        if (whole < inputs) {
          const a = v128.and(v128.load(x0 + wholeBytes), rest);
          const b = v128.and(v128.load(x1 + wholeBytes), rest);
          let w = v128.load(w0 + wholeBytes);
          a0 = mulAdd(w, a, a0);
          b0 = mulAdd(w, b, b0);
          w = v128.load(w1 + wholeBytes);
          a1 = mulAdd(w, a, a1);
          b1 = mulAdd(w, b, b1);
          w = v128.load(w2 + wholeBytes);
          a2 = mulAdd(w, a, a2);
          b2 = mulAdd(w, b, b2);
          w = v128.load(w3 + wholeBytes);
          a3 = mulAdd(w, a, a3);
          b3 = mulAdd(w, b, b3);
        }
        finish(args, sumLanes(a0, a1, a2, a3), row, member0);
        if (token + 1 < tokens) finish(args, sumLanes(b0, b1, b2, b3), row, member1);
      }
    }
  }
}

/** `../src/linear/activate.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class ActivateArgs {
  out: usize;
  outStride: i32;
  /** f32 [tokens, outputs]; [tokens, 2 · outputs] with GATED, the gates first. */
  x: usize;
  xStride: i32;
  outputs: i32;
  /** GATED, ACCUMULATE. */
  flags: i32;
  /** f32, one per token, or 0. */
  scale: usize;
  scaleStride: i32;
  /** u32, which row of x, out and scale each token has; 0: as they come. */
  members: usize;
}

/** out (+)= scale · gelu(x), or scale · gelu(gate) · value, for tokens `from` to `to`. */
export function activate(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<ActivateArgs>(address);
  const outputs = args.outputs;
  const flags = args.flags;
  for (let token = from; token < to; token++) {
    const member = args.members ? <i32>load<u32>(args.members + ((<usize>token) << 2)) : token;
    const x = args.x + <usize>(member * args.xStride);
    const out = args.out + <usize>(member * args.outStride);
    const scale = args.scale ? v128.load_splat<f32>(args.scale + <usize>(member * args.scaleStride)) : splat(1);
    for (let output = 0; output < outputs; output += 4) {
      const at = (<usize>output) << 2;
      let value = gelu4(v128.load(x + at));
      if (flags & GATED) value = f32x4.mul(value, v128.load(x + at + ((<usize>outputs) << 2)));
      value = f32x4.mul(value, scale);
      if (flags & ACCUMULATE) value = f32x4.add(value, v128.load(out + at));
      storeLanes(out + at, value, outputs - output);
    }
  }
}
