/**
 * The workgroup memory of a chain: a workgroup does one link alone, so that all links use the same.
 */
import type { Shader } from "../../kernel.ts";
import { takeWorkgroupVariables } from "./wgsl-text.ts";

/** Bytes of the types that workgroup memory is made of. */
const BYTE_LENGTHS: Readonly<Record<string, number>> = { f32: 4, u32: 4, i32: 4, "vec2<f32>": 8, "vec2<u32>": 8 };

/** A variable that links share: as long as the longest of theirs. */
export interface SharedVariable {
  readonly name: string;
  readonly element: string;
  /** Elements; 0 where it is no array. */
  length: number;
}

/** Which variables the links of a chain share, by element type. */
export class WorkgroupMemory {
  readonly variables: SharedVariable[] = [];

  /** Takes a shader's workgroup variables out of its code; returns the code left, and by which name each of them goes instead. */
  share(code: string): { readonly rest: string; readonly names: ReadonlyMap<string, string> } {
    const { rest, variables } = takeWorkgroupVariables(code);
    const names = new Map<string, string>();
    const taken = new Set<SharedVariable>();
    for (const { name, type } of variables) {
      const [, element = type, count = "0"] = /^array<(.+), (\d+)>$/.exec(type) ?? [];
      const length = Number(count);
      let shared = this.variables.find(
        (other) => other.element === element && other.length > 0 === length > 0 && !taken.has(other),
      );
      if (!shared) {
        shared = { name: `shared_${this.variables.length}`, element, length };
        this.variables.push(shared);
      }
      shared.length = Math.max(shared.length, length);
      taken.add(shared);
      names.set(name, shared.name);
    }
    return { rest, names };
  }

  /** WGSL that declares all. */
  get declarations(): string {
    return this.variables
      .map(
        ({ name, element, length }) =>
          `var<workgroup> ${name}: ${length > 0 ? `array<${element}, ${length}>` : element};`,
      )
      .join("\n");
  }

  get byteLength(): number {
    // What is in no table is of four words or fewer.
    return this.variables.reduce(
      (sum, { element, length }) => sum + Math.max(length, 1) * (BYTE_LENGTHS[element] ?? 16),
      0,
    );
  }
}

/** Bytes of workgroup memory that these shaders take together. */
export function workgroupByteLength(shaders: readonly Shader[]): number {
  const memory = new WorkgroupMemory();
  for (const code of new Set(shaders.map((shader) => shader.code))) memory.share(code);
  // Beside them a chain has the ticket that it has drawn.
  return memory.byteLength + 16;
}
