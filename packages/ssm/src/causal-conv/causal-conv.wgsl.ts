/**
 * One thread per channel and block of tokens. The state is read by the first block's threads only, which therefore may
 * write it as well; so one dispatch does both, for a prompt and for a single token.
 */
import { SILU, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { Shader } from "@blackmamba/tensor";
import type { CausalConvOperands } from "./causal-conv.ts";

const WORKGROUP_SIZE = 64;

export function causalConvShader({ out, x, weight, bias, state }: CausalConvOperands): Shader {
  const [inner, taps] = weight.shape;
  const kept = taps - 1;
  // A block is no shorter than the state, so that only the first reaches back before the run.
  const block = Math.max(16, kept);
  const channels = Math.ceil(inner / WORKGROUP_SIZE);
  return {
    bindings: [
      { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      { name: "x", tensor: x, access: "read", type: "array<f32>" },
      { name: "weight", tensor: weight, access: "read", type: "array<f32>" },
      { name: "bias", tensor: bias, access: "read", type: "array<f32>" },
      ...(state ? [{ name: "state", tensor: state, access: "read_write", type: "array<f32>" } as const] : []),
    ],
    code: `${SILU}

/** The input of a token of this run, or of one up to ${kept} before it. */
fn input(token: i32, channel: u32) -> f32 {
  ${state ? `if (token < 0) { return state[u32(token + ${kept}) * ${inner}u + channel]; }` : ""}
  return x[${x.offset}u + u32(token) * ${x.rowStride}u + channel];
}`,
    workgroupSize: WORKGROUP_SIZE,
    main: `let index = ${WORKGROUP_INDEX};
  let channel = (index % ${channels}u) * ${WORKGROUP_SIZE}u + thread;
  let first = (index / ${channels}u) * ${block}u;
  if (channel >= ${inner}u || first >= run.tokens) { return; }
  for (var t = first; t < min(first + ${block}u, run.tokens); t++) {
    var sum = bias[channel];
    for (var j = 0u; j < ${taps}u; j++) {
      sum = fma(weight[channel * ${taps}u + j], input(i32(t + j) - ${kept}, channel), sum);
    }
    out[t * ${inner}u + channel] = silu(sum);
  }
  ${
    state
      ? `if (first == 0u) {
    // Ascending: with fewer tokens than entries, each takes the value of a later one, not yet overwritten.
    for (var j = 0u; j < ${kept}u; j++) {
      state[j * ${inner}u + channel] = input(i32(run.tokens + j) - ${kept}, channel);
    }
  }`
      : ""
  }`,
    workgroups: (tokens) => spread(channels * Math.ceil(tokens / block)),
  };
}
