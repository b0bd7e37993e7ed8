/**
 * A kernel that changes nothing, for tests: as a call of a chain it takes a vector from whoever made it, and makes it anew.
 */
import { defineKernel, type Tensor } from "@blackmamba/tensor";

/** x[i] = x[i], of one row. */
export const handOver = defineKernel<{ readonly x: Tensor }>({
  name: "hand-over",
  check() {},
  shader: ({ x }, _, { maxWorkgroupSize }) => ({
    bindings: [
      { name: "given", tensor: x, access: "read", type: x.dtype, exchanged: true },
      { name: "x", tensor: x, access: "read_write", type: x.dtype, exchanged: true },
    ],
    code: "",
    workgroupSize: maxWorkgroupSize,
    main: `let i = workgroup_id.x * ${maxWorkgroupSize}u + thread;
  if (i < ${x.shape.at(-1)}u) { x_put(i, given_at(i)); }`,
    workgroups: () => [Math.ceil((x.shape.at(-1) ?? 1) / maxWorkgroupSize), 1, 1],
  }),
  reference() {},
});
