/**
 * A thread makes every so-many-th word. The expression of a word is all that differs between encodings.
 */
import type { Shader } from "@blackmamba/tensor";
import type { RandomWordsOperands, RandomWordsParams, WordEncoding } from "./random-words.ts";
import { SUM_DEVIATION, seedHash } from "./word-sums.ts";

const WORKGROUP_SIZE = 64;

/** Within WebGPU's limit of a dimension, and enough threads for any device. */
const MAX_WORKGROUPS = 16384;

export function randomWordsShader(
  { out }: RandomWordsOperands,
  { encoding, seed, firstWord = 0, mean = 0, deviation = 1 }: RandomWordsParams,
): Shader {
  const [words] = out.shape;
  const workgroups = Math.min(Math.ceil(words / WORKGROUP_SIZE), MAX_WORKGROUPS);
  const step = deviation / SUM_DEVIATION.float;
  return {
    bindings: [{ name: "out", tensor: out, access: "read_write", type: "array<u32>" }],
    code: `
fn hash(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

fn element(h: u32) -> f32 {
  let bytes = (vec4<u32>(h) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
  return fma(${wgslFloat(step)}, f32(bytes.x + bytes.y + bytes.z + bytes.w) - 510.0, ${wgslFloat(mean)});
}

// Nearest, ties to even.
fn bf16(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
}

fn signed_bytes(a: u32, b: u32) -> u32 {
  // Sums of twice seven bits are at most 254 and stay within their byte, also with 1 added; less 127 is plus 1 and 128.
  return ((a & 0x7f7f7f7fu) + (b & 0x7f7f7f7fu) + 0x01010101u) ^ 0x80808080u;
}

fn word(h: u32) -> u32 {
  return ${WORD[encoding](deviation)};
}`,
    workgroupSize: WORKGROUP_SIZE,
    main: `for (var i = workgroup_id.x * ${WORKGROUP_SIZE}u + thread; i < ${words}u; i += ${workgroups * WORKGROUP_SIZE}u) {
    out[i] = word(hash(${seedHash(seed)}u + ${firstWord}u + i));
  }`,
    workgroups: () => [workgroups, 1, 1],
  };
}

const WORD: Readonly<Record<WordEncoding, (deviation: number) => string>> = {
  f32: () => "bitcast<u32>(element(h))",
  bf16: () => "bf16(element(h)) | (bf16(element(hash(h))) << 16u)",
  f16: () => "pack2x16float(vec2<f32>(element(h), element(hash(h))))",
  q8_0: () => "signed_bytes(h, hash(h))",
  q4_0: () => "(h & 0x77777777u) + (hash(h) & 0x77777777u) + 0x11111111u",
  scales: (deviation) =>
    `pack2x16float(${wgslFloat(deviation)} * (0.75 + vec2<f32>(vec2<u32>(h & 255u, (h >> 8u) & 255u)) / 510.0))`,
};

/** A number as WGSL's f32 literal. */
function wgslFloat(value: number): string {
  return `${Math.fround(value).toExponential()}f`;
}
