import { type KernelCase, testKernel } from "@blackmamba/testing";
import { NAN_KEY } from "../key.ts";
import { NAN_FLAG, NO_ID } from "./no-id.ts";
import { type SamplePickOperands, samplePick } from "./pick.ts";

type Case = KernelCase<SamplePickOperands, Record<never, never>>;

const UNTOUCHED = 0xffffffff;

const random = (slices: number, rows: number): Case => ({
  name: `${slices} slices, ${rows} rows`,
  operands: async (make) => ({
    keys: await make.of(
      Array.from({ length: rows * slices }, (_, i) => (i * 2654435761) % 1000),
      [rows, slices],
      "u32",
    ),
    ids: await make.of(
      Array.from({ length: rows * slices }, (_, i) => ((i % slices) * 512 + i) % 0xffff),
      [rows, slices],
      "u32",
    ),
    next: await make.poison([rows], "u32"),
    chosen: await make.poison([rows, 8], "u32"),
    steps: await make.of(
      Array.from({ length: rows }, (_, row) => row * 3),
      [rows],
      "u32",
    ),
    marks: await make.of(new Uint32Array(rows * 65536), [rows, 65536], "u32"),
  }),
  params: {},
  tokens: Math.max(1, rows - 1),
  outputs: ["next", "chosen", "steps", "marks"],
  tolerance: 0,
});

testKernel(samplePick, [
  {
    name: "worked out by hand: the largest, the lower of equals, and a NaN",
    operands: async (make) => ({
      keys: await make.of([5, 9, 1, 9, 7, 9, 2, NAN_KEY, NAN_KEY, 1, 1, 1], [4, 3], "u32"),
      ids: await make.of([0, 33, 64, 31, 32, 30, 0, 40, 64, 0, 0, 0], [4, 3], "u32"),
      next: await make.poison([4], "u32"),
      chosen: await make.poison([4, 2], "u32"),
      steps: await make.of([0, 5, 2, 0], [4], "u32"),
      marks: await make.of(
        Array.from({ length: 4 * 64 }, (_, i) => (i === 33 ? 5 : 0)),
        [4, 64],
        "u32",
      ),
    }),
    params: {},
    tokens: 3,
    outputs: ["next", "chosen", "steps", "marks"],
    expected: [
      [33, 30, NO_ID, UNTOUCHED],
      [33, UNTOUCHED, UNTOUCHED, 30, (40 | NAN_FLAG) >>> 0, UNTOUCHED, UNTOUCHED, UNTOUCHED],
      [1, 6, 3, 0],
      Array.from({ length: 4 * 64 }, (_, i) => (i === 33 ? 6 : i === 64 + 30 ? 1 : 0)),
    ],
    tolerance: 0,
  },
  random(1, 1),
  random(99, 3),
  random(500, 9),
]);
