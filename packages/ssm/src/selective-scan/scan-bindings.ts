/**
 * The buffers of `selective-scan`, the same for each of its shaders.
 */
import type { Binding, Tensor } from "@blackmamba/tensor";
import type { SelectiveScanOperands } from "./selective-scan.ts";

/** Each operand under its own name, but for C, which may be found in B's buffer. */
export function scanBindings(operands: SelectiveScanOperands): { bindings: Binding[]; nameOfC: "B" | "C" } {
  const { B, C } = operands;
  const read = (name: string, tensor: Tensor): Binding => ({ name, tensor, access: "read", type: "array<f32>" });
  const write = (name: string, tensor: Tensor): Binding => ({ ...read(name, tensor), access: "read_write" });
  // B and C are views of one tensor, side by side, and WebGPU promises only eight buffers.
  const shared = B.storage === C.storage && B.values.byteOffset === C.values.byteOffset;
  const bindings = [
    write("out", operands.out),
    read("u", operands.u),
    read("dt", operands.dt),
    read("A", operands.A),
    read("B", B),
    ...(shared ? [] : [read("C", C)]),
    read("D", operands.D),
    read("z", operands.z),
    write("state", operands.state),
  ];
  return { bindings, nameOfC: shared ? "B" : "C" };
}
