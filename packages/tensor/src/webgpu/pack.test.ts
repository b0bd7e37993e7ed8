import { expect, test } from "vitest";
import { pack } from "./pack.ts";

/** For each buffer the offset and length of what lies in it. */
const packed = (byteLengths: readonly number[]) =>
  pack(
    byteLengths.map((byteLength) => ({ byteLength })),
    1024,
  ).map((buffer) => buffer.map(({ byteOffset, byteLength }) => [byteOffset, byteLength]));

test("they follow each other in their order, each where it can be bound", () => {
  expect(packed([4, 256, 200, 8])).toEqual([
    [
      [0, 4],
      [256, 256],
      [512, 200],
      [768, 8],
    ],
  ]);
});

test("a buffer may be full to its last byte; what follows begins another", () => {
  expect(packed([512, 512, 4])).toEqual([
    [
      [0, 512],
      [512, 512],
    ],
    [[0, 4]],
  ]);
  expect(packed([513, 512])).toEqual([[[0, 513]], [[0, 512]]]);
});

test("what is longer than a buffer may be has one of its own", () => {
  expect(packed([4, 2000, 4, 4])).toEqual([
    [[0, 4]],
    [[0, 2000]],
    [
      [0, 4],
      [256, 4],
    ],
  ]);
});

test("nothing needs no buffer", () => {
  expect(packed([])).toEqual([]);
});

test("a group is not torn apart, unless no buffer holds it", () => {
  const things = [
    { byteLength: 600 },
    { byteLength: 300, group: "a" },
    { byteLength: 300, group: "a" },
    { byteLength: 600, group: "b" },
    { byteLength: 600, group: "b" },
  ];
  const placed = pack(things, 1024).map((buffer) => buffer.map(({ group, byteOffset }) => [group, byteOffset]));
  expect(placed).toEqual([
    [[undefined, 0]],
    [
      ["a", 0],
      ["a", 512],
    ],
    [["b", 0]],
    [["b", 0]],
  ]);
});
