/**
 * The depthwise convolution with SiLU, four channels at a time: see `../src/causal-conv/causal-conv.ts`.
 */
import { mulAdd, silu4, storeLanes } from "../../kernels/assembly/math";

/** `../src/causal-conv/causal-conv.wasm.ts` writes it, in this order. Addresses and strides are in bytes. */
@unmanaged
class ConvArgs {
  out: usize;
  outStride: i32;
  x: usize;
  xStride: i32;
  weight: usize;
  bias: usize;
  /** f32 [sequences, taps − 1, inner]. */
  state: usize;
  inner: i32;
  taps: i32;
  sequences: i32;
  /** Of each sequence; x and out have the first sequence's first. */
  tokens: i32;
}

/** Channels 4 · from to 4 · to. */
export function causalConv(address: usize, from: i32, to: i32, scratch: usize): void {
  const args = changetype<ConvArgs>(address);
  const inner = args.inner;
  const taps = args.taps;
  const kept = taps - 1;
  const tokens = args.tokens;
  const stateStride = inner << 2;
  for (let group = from; group < to; group++) {
    const channel = group << 2;
    const at = (<usize>channel) << 2;
    const lanes = inner - channel;
    const bias = v128.load(args.bias + at);
    // The taps of four channels side by side.
    const weight = args.weight + at * taps;
    for (let tap = 0; tap < taps; tap++) {
      const own = weight + ((<usize>tap) << 2);
      const stride = (<usize>taps) << 2;
      const column = f32x4(
        load<f32>(own),
        load<f32>(own + (lanes > 1 ? stride : 0)),
        load<f32>(own + (lanes > 2 ? 2 * stride : 0)),
        load<f32>(own + (lanes > 3 ? 3 * stride : 0)),
      );
      v128.store(scratch + ((<usize>tap) << 4), column);
    }
    for (let sequence = 0; sequence < args.sequences; sequence++) {
      const state = args.state + at + <usize>(sequence * kept * stateStride);
      const x = args.x + at + <usize>(sequence * tokens * args.xStride);
      const out = args.out + at + <usize>(sequence * tokens * args.outStride);
      for (let token = 0; token < tokens; token++) {
        let sum = bias;
        for (let tap = 0; tap < taps; tap++) {
          const index = token + tap - kept;
          const source = index < 0 ? state + <usize>((index + kept) * stateStride) : x + <usize>(index * args.xStride);
          sum = mulAdd(v128.load(scratch + ((<usize>tap) << 4)), v128.load(source), sum);
        }
        storeLanes(out + <usize>(token * args.outStride), silu4(sum), lanes);
      }
      for (let tap = 0; tap < kept; tap++) {
        const index = tokens + tap - kept;
        const source = index < 0 ? state + <usize>((index + kept) * stateStride) : x + <usize>(index * args.xStride);
        storeLanes(state + <usize>(tap * stateStride), v128.load(source), lanes);
      }
    }
  }
}
