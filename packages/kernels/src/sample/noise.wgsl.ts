/**
 * The random numbers of `philox.ts` and the noise of `noise.ts`, in WGSL.
 */
import { TWICE_ARTANH } from "../wgsl/math.ts";
import { PHILOX_MULTIPLIER, PHILOX_ROUNDS, PHILOX_WEYL } from "./philox.ts";

/** `fn multiplyHigh(a: u32, b: u32) -> u32`: the upper 32 bits of a product; WGSL has the lower ones only. */
export const MULTIPLY_HIGH = `fn multiplyHigh(a: u32, b: u32) -> u32 {
  let middle = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  let carry = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (carry >> 16u);
}`;

/** `fn philox(counter0: u32, counter1: u32, key: u32) -> vec2<u32>` and `fn gumbel(word: u32) -> f32`. */
export const NOISE = `${MULTIPLY_HIGH}
${TWICE_ARTANH}

fn philox(counter0: u32, counter1: u32, key: u32) -> vec2<u32> {
  var x = vec2<u32>(counter0, counter1);
  var k = key;
  for (var round = 0u; round < ${PHILOX_ROUNDS}u; round++) {
    x = vec2<u32>(multiplyHigh(${PHILOX_MULTIPLIER}u, x.x) ^ k ^ x.y, ${PHILOX_MULTIPLIER}u * x.x);
    k += ${PHILOX_WEYL}u;
  }
  return x;
}

fn gumbel(word: u32) -> f32 {
  var exponential = 0.0;
  if (word < 0x80000000u) {
    // −log(1 − v) = 2 artanh(v / (2 − v)), as WGSL's own log may be wrong by 2^-21 near 1.
    let v = (f32(word) + 0.5) * ${2 ** -32};
    exponential = twice_artanh(v / (2.0 - v));
  } else {
    exponential = -log((f32(0xffffffffu - word) + 0.5) * ${2 ** -32});
  }
  return -log(exponential);
}`;
