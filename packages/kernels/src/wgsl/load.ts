/**
 * WGSL that reads four consecutive elements of a row as `vec4<f32>`, whatever the tensor holds. Kernels are written once
 * against these functions, for every dtype, view and width.
 */
import { type Binding, Q4_0_ZERO, QUANT_BLOCK, type Tensor } from "@blackmamba/tensor";

/** Bindings and the functions over them. */
export interface Loader {
  readonly bindings: readonly Binding[];
  readonly code: string;
}

/**
 * Declares `fn NAME4(row: u32, column: u32) -> vec4<f32>`; `column` is a multiple of 4, and elements past the end of the
 * row are 0. Rows whose width, start and stride are multiples of 4 are read in one load.
 */
export function loader(name: string, tensor: Tensor): Loader {
  return tensor.dtype === "f32" ? floatLoader(name, tensor) : weightLoader(name, tensor);
}

function floatLoader(name: string, tensor: Tensor): Loader {
  const { offset, rowStride } = tensor;
  const width = tensor.shape.at(-1) ?? 1;
  const aligned = [offset, rowStride, width].every((count) => count % 4 === 0);
  const type = aligned ? "array<vec4<f32>>" : "array<f32>";
  const code = aligned
    ? `fn ${name}4(row: u32, column: u32) -> vec4<f32> {
  return ${name}[(${offset}u + row * ${rowStride}u + column) / 4u];
}`
    : `fn ${name}1(row: u32, column: u32) -> f32 {
  if (column >= ${width}u) { return 0.0; }
  return ${name}[${offset}u + row * ${rowStride}u + column];
}
${gather(name)}`;
  return { bindings: [{ name, tensor, access: "read", type }], code };
}

function weightLoader(name: string, tensor: Tensor): Loader {
  const width = tensor.shape.at(-1) ?? 1;
  const at = `row * ${width}u + column`;
  if (tensor.dtype === "q8_0" || tensor.dtype === "q4_0") {
    const quad =
      tensor.dtype === "q8_0"
        ? `vec4<f32>((vec4<i32>(bitcast<i32>(${name}[at / 4u])) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u))`
        : `(vec4<f32>((vec4<u32>(${name}[at / 8u] >> (at % 8u * 4u)) >> vec4<u32>(0u, 4u, 8u, 12u)) & vec4<u32>(15u)) - ${Q4_0_ZERO}.0)`;
    // Blocks divide every row, so four elements always share a word and a scale.
    return {
      bindings: [
        { name, tensor, access: "read", type: "array<u32>" },
        { name: `${name}_scales`, tensor, part: "scales", access: "read", type: "array<u32>" },
      ],
      code: `fn ${name}4(row: u32, column: u32) -> vec4<f32> {
  let at = ${at};
  let block = at / ${QUANT_BLOCK}u;
  let scale = unpack2x16float(${name}_scales[block / 2u])[block % 2u];
  return scale * ${quad};
}`,
    };
  }
  const unpack = tensor.dtype === "bf16" ? unpackBf16 : unpackF16;
  const aligned = width % 4 === 0;
  const code = aligned
    ? `fn ${name}4(row: u32, column: u32) -> vec4<f32> {
  let words = ${name}[(${at}) / 4u];
  return vec4<f32>(${unpack("words.x")}, ${unpack("words.y")});
}`
    : `fn ${name}1(row: u32, column: u32) -> f32 {
  if (column >= ${width}u) { return 0.0; }
  let at = ${at};
  return ${unpack(`${name}[at / 2u]`)}[at % 2u];
}
${gather(name)}`;
  return { bindings: [{ name, tensor, access: "read", type: aligned ? "array<vec2<u32>>" : "array<u32>" }], code };
}

function gather(name: string): string {
  const element = (i: number) => `${name}1(row, column + ${i}u)`;
  return `fn ${name}4(row: u32, column: u32) -> vec4<f32> {
  return vec4<f32>(${element(0)}, ${element(1)}, ${element(2)}, ${element(3)});
}`;
}

/** Two bf16 of a word as `vec2<f32>`, exactly, the lower half first: bf16 is the upper half of an f32. */
export function unpackBf16(word: string): string {
  return `bitcast<vec2<f32>>(vec2<u32>(${word} << 16u, ${word} & 0xffff0000u))`;
}

/** Two f16 of a word as `vec2<f32>`, the lower half first. */
export function unpackF16(word: string): string {
  return `unpack2x16float(${word})`;
}
