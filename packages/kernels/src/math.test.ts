import { createCpuDevice, defineKernel, f32, Program, type Tensor } from "@blackmamba/tensor";
import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { erf, gelu, sigmoid, silu, softplus } from "./math.ts";
import { GELU, SIGMOID, SILU, SOFTPLUS } from "./wgsl/math.ts";

test("erf agrees with tabulated values", () => {
  // Abramowitz & Stegun, table 7.1, and erfc from table 7.2 further out.
  expect(erf(0)).toBe(0);
  expect(erf(0.5)).toBeCloseTo(0.5204998778, 10);
  expect(erf(1)).toBeCloseTo(0.8427007929, 10);
  expect(erf(-2)).toBeCloseTo(-0.995322265, 10);
  expect(1 - erf(3)).toBeCloseTo(2.209049699858544e-5, 14);
  expect(erf(7)).toBe(1);
  // Where the series gives way to the continued fraction.
  expect(erf(2.5 - 1e-12)).toBeCloseTo(erf(2.5), 11);
});

test("softplus keeps small values and large ones", () => {
  expect(softplus(-20)).toBeCloseTo(2.061153620314381e-9, 18);
  expect(softplus(0)).toBeCloseTo(Math.LN2, 15);
  expect(softplus(20.5)).toBe(20.5);
});

/** Applies a WGSL function to each element. */
const apply = (name: string, code: string, reference: (x: number) => number) =>
  defineKernel<{ readonly out: Tensor; readonly x: Tensor }>({
    name,
    check() {},
    shader: ({ out, x }) => ({
      bindings: [
        { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
        { name: "x", tensor: x, access: "read", type: "array<f32>" },
      ],
      code,
      workgroupSize: 64,
      main: `let i = workgroup_id.x * 64u + thread;
  if (i < run.tokens) { out[i] = ${name}(x[i]); }`,
      workgroups: (tokens) => [Math.ceil(tokens / 64), 1, 1],
    }),
    reference: ({ out, x }, _, tokens) => {
      for (let i = 0; i < tokens; i++) f32(out)[i] = reference(f32(x)[i]);
    },
  });

describe.each(testDevices())("activation functions on $label", ({ open }) => {
  // WGSL lets exp be wrong by 3 + 2|x| units in the last place, which is what the bounds beyond a few units are for.
  test.each([
    { name: "sigmoid", code: SIGMOID, reference: sigmoid, relative: 1e-5, absolute: 0, from: -80, to: 80 },
    { name: "silu", code: SILU, reference: silu, relative: 1e-5, absolute: 1e-30, from: -80, to: 80 },
    { name: "softplus", code: SOFTPLUS, reference: softplus, relative: 5e-6, absolute: 0, from: -30, to: 30 },
    { name: "erf", code: GELU, reference: erf, relative: 1e-6, absolute: 0, from: -7, to: 7 },
    { name: "gelu", code: GELU, reference: gelu, relative: 2e-6, absolute: 2e-7, from: -12, to: 12 },
  ])("$name is exact to float32", async ({ name, code, reference, relative, absolute, from, to }) => {
    const device = await open();
    const tokens = 20001;
    const inputs = Float32Array.from({ length: tokens }, (_, i) => from + ((to - from) * i) / (tokens - 1));
    const [x, out] = ["x", "out"].map((label) => device.createTensor("f32", [tokens, 1], label));
    await device.write(x, inputs);
    const program = new Program(name);
    program.call(apply(name, code, reference), { out, x }, {});
    await device.run([await device.prepare(program)], { tokens });
    const found = await device.read(out);
    for (const [i, input] of inputs.entries()) {
      const wanted = reference(input);
      if (Math.abs(found[i] - wanted) > Math.abs(wanted) * relative + absolute) {
        expect.fail(`${name}(${input}): expected ${wanted}, found ${found[i]}`);
      }
    }
  });
});

test("the CPU device needs no WebGPU", () => {
  expect(createCpuDevice().kind).toBe("cpu");
});
