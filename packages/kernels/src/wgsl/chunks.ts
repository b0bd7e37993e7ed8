/**
 * WGSL that reads a matrix's rows in chunks, of 16 bytes, the widest load there is, or fewer, and widens them four elements at a time.
 * For kernels that read every weight once. Not here: four elements at any column, see `load.ts`.
 */
import { type Binding, Q4_0_ZERO, QUANT_BLOCK, type Tensor } from "@blackmamba/tensor";
import { loader, unpackBf16, unpackF16 } from "./load.ts";

/** Bindings, the functions over them, and how to use what these return. */
export interface ChunkLoader {
  readonly bindings: readonly Binding[];
  /**
   * Declares `struct NAME_Chunk` and `fn NAME_chunk(row: u32, chunk: u32) -> NAME_Chunk`; chunk c holds the elements from
   * c · `elements` on. A row's last chunk may reach past its end: the elements there are 0, for chunks that begin within.
   */
  readonly code: string;
  /** Elements of a chunk, a multiple of 4. */
  readonly elements: number;
  /** WGSL expression of four of a chunk's elements as `vec4<f32>`, still to be multiplied by the chunk's scale. */
  quad(chunk: string, index: number): string;
  /** WGSL expression of a chunk's scale, where the type has one. */
  scale?(chunk: string): string;
  /** WGSL expression of four of a chunk's elements as signed bytes of a u32, still to be multiplied by its scale, where they are. */
  bytes?(chunk: string, index: number): string;
}

/**
 * Reads `tensor`, of any float type, as the variable `name`.
 *
 * @param mostElements - of a chunk, where fewer are wanted than 16 bytes hold; the least there are is 8 in q8_0, 16 in q4_0
 */
export function chunkLoader(name: string, tensor: Tensor, mostElements = 32): ChunkLoader {
  const width = tensor.shape.at(-1) ?? 1;
  switch (tensor.dtype) {
    case "q8_0": {
      const bytes = (chunk: string, index: number) => `${chunk}.bits[${index}]`;
      const quad = (chunk: string, index: number) =>
        `vec4<f32>((vec4<i32>(bitcast<i32>(${bytes(chunk, index)})) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u))`;
      return { ...quantized(name, tensor, Math.min(16, Math.max(8, mostElements)), 4, quad), bytes };
    }
    case "q4_0":
      return quantized(name, tensor, Math.min(32, Math.max(16, mostElements)), 8, (chunk, index) => {
        const word = `${chunk}.bits[${index >> 1}]`;
        const shifts = index % 2 === 0 ? "0u, 4u, 8u, 12u" : "16u, 20u, 24u, 28u";
        return `(vec4<f32>((vec4<u32>(${word}) >> vec4<u32>(${shifts})) & vec4<u32>(15u)) - ${Q4_0_ZERO}.0)`;
      });
    case "f16":
    case "bf16":
      if (width % 8 === 0 && mostElements >= 8) return halves(name, tensor);
      return quads(name, tensor);
    default:
      return quads(name, tensor);
  }
}

/** Eight 16-bit elements. */
function halves(name: string, tensor: Tensor): ChunkLoader {
  const chunksPerRow = (tensor.shape.at(-1) ?? 1) / 8;
  const unpack = tensor.dtype === "bf16" ? unpackBf16 : unpackF16;
  return {
    bindings: [{ name, tensor, access: "read", type: "array<vec4<u32>>" }],
    code: `struct ${name}_Chunk { bits: vec4<u32> }
fn ${name}_chunk(row: u32, chunk: u32) -> ${name}_Chunk {
  return ${name}_Chunk(${name}[row * ${chunksPerRow}u + chunk]);
}`,
    elements: 8,
    quad: (chunk, index) =>
      `vec4<f32>(${unpack(`${chunk}.bits[${2 * index}]`)}, ${unpack(`${chunk}.bits[${2 * index + 1}]`)})`,
  };
}

/** So many quantised elements, which never cross a block, with their scale. */
function quantized(
  name: string,
  tensor: Tensor,
  elements: number,
  elementsPerWord: number,
  quad: (chunk: string, index: number) => string,
): ChunkLoader {
  const chunksPerRow = (tensor.shape.at(-1) ?? 1) / elements;
  const chunksPerBlock = QUANT_BLOCK / elements;
  const bits = `vec${elements / elementsPerWord}<u32>`;
  return {
    bindings: [
      { name, tensor, access: "read", type: `array<${bits}>` },
      { name: `${name}_scales`, tensor, part: "scales", access: "read", type: "array<u32>" },
    ],
    code: `struct ${name}_Chunk { bits: ${bits}, scale: f32 }
fn ${name}_chunk(row: u32, chunk: u32) -> ${name}_Chunk {
  let at = row * ${chunksPerRow}u + chunk;
  let block = at / ${chunksPerBlock}u;
  let scale = unpack2x16float(${name}_scales[block / 2u] >> (16u * (block % 2u))).x;
  return ${name}_Chunk(${name}[at], scale);
}`,
    elements,
    quad,
    scale: (chunk) => `${chunk}.scale`,
  };
}

/** Four elements of any float type and width. */
function quads(name: string, tensor: Tensor): ChunkLoader {
  const { bindings, code } = loader(name, tensor);
  return {
    bindings,
    code: `${code}
struct ${name}_Chunk { values: vec4<f32> }
fn ${name}_chunk(row: u32, chunk: u32) -> ${name}_Chunk { return ${name}_Chunk(${name}4(row, chunk * 4u)); }`,
    elements: 4,
    quad: (chunk) => `${chunk}.values`,
  };
}
