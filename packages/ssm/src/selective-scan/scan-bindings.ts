/**
 * The buffers of `selective-scan`, the same for each of its shaders.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import type { SelectiveScanOperands } from "./selective-scan.ts";

/** Each operand under its own name, but for C, which may be found in B's buffer, and u, which may be `out`. */
export function scanBindings(operands: SelectiveScanOperands): {
  readonly bindings: readonly Binding[];
  readonly nameOfU: "u" | "out";
  readonly nameOfC: "B" | "C";
} {
  const { out, u, B, C } = operands;
  const read = (name: string, tensor: Tensor): Binding => ({ name, tensor, access: "read", type: "array<f32>" });
  const write = (name: string, tensor: Tensor): Binding => ({ ...read(name, tensor), access: "read_write" });
  const isSame = (a: Tensor, b: Tensor) => a.storage === b.storage && a.values.byteOffset === b.values.byteOffset;
  // A buffer that is written cannot be bound once more to be read.
  const isInPlace = isSame(out, u);
  // B and C are views of one tensor, side by side, and WebGPU promises only eight buffers.
  const shared = isSame(B, C);
  const bindings = [
    write("out", out),
    ...(isInPlace ? [] : [read("u", u)]),
    read("dt", operands.dt),
    read("A", operands.A),
    read("B", B),
    ...(shared ? [] : [read("C", C)]),
    read("D", operands.D),
    read("z", operands.z),
    write("state", operands.state),
  ];
  return { bindings, nameOfU: isInPlace ? "out" : "u", nameOfC: shared ? "B" : "C" };
}
