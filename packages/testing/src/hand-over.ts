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
      { name: "given", tensor: x, access: "read", type: x.dtype, exchanged: "own" },
      { name: "x", tensor: x, access: "read_write", type: x.dtype, exchanged: "own" },
    ],
    code: "",
    workgroupSize: maxWorkgroupSize,
    main: `for (var i = thread; i < ${x.shape.at(-1)}u; i += ${maxWorkgroupSize}u) { x_put(i, given_at(i)); }`,
    workgroups: () => [1, 1, 1],
  }),
  reference() {},
});
