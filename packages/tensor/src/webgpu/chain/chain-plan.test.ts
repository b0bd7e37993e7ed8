import { expect, test } from "vitest";
import type { Binding, Shader } from "../../kernel.ts";
import { columns, type Tensor, tensorOf } from "../../tensor.ts";
import type { GpuStorage } from "../gpu-storage.ts";
import { chainWorkgroupSize, planChains } from "./chain-plan.ts";
import { linkChain } from "./link.ts";

const LIMITS = {
  workgroupSize: 256,
  maxStorageBuffers: 8,
  maxBindingByteLength: 1024,
  maxWorkgroups: 100,
  maxWorkgroupByteLength: 16384,
};

/** A row of so many numbers, in a buffer of its own or in one that is given. */
function row(width: number, buffer = { size: 256 } as GPUBuffer, byteOffset = 0): Tensor {
  const byteLength = width * 4;
  const storage: GpuStorage = {
    ...{ buffer, byteOffset, byteLength },
    ...{ maxOperandByteLength: 1024, maxOperands: 8, dispose() {} },
  };
  return tensorOf(storage, "f32", [1, width], "row");
}

const reads = (name: string, tensor: Tensor): Binding => ({
  name,
  tensor,
  access: "read",
  type: "f32",
  exchanged: "all",
});
const makes = (name: string, tensor: Tensor): Binding => ({ ...reads(name, tensor), access: "read_write" });
const plain = (name: string, tensor: Tensor, access: Binding["access"] = "read"): Binding => ({
  ...{ name, tensor, access, type: "array<f32>" },
});

const shader = (bindings: Binding[], more: Partial<Shader> = {}): Shader => ({
  ...{ bindings, code: "", workgroupSize: 256, main: "", workgroups: () => [2, 1, 1] as const },
  ...more,
});

const parts = (shaders: Shader[], outputs: Tensor[] = [], limits = LIMITS) =>
  planChains(shaders, outputs, limits).map(({ start, end, plan }) => [start, end, plan !== undefined]);

test("calls that hand each other something are a chain, each version in a place of its own", () => {
  const [x, y] = [row(4), row(8)];
  const shaders = [
    shader([makes("x", x)]),
    shader([reads("x", x), makes("y", y)]),
    // In the place of what it reads.
    shader([reads("y", columns(y, 2, 6)), reads("before", x), makes("x", x)]),
    shader([reads("x", x), makes("y", y)]),
  ];
  const [part] = planChains(shaders, [y], LIMITS);
  expect(part).toMatchObject({ start: 0, end: 4, plan: { words: 16, tiles: 8 } });
  const words = part?.plan?.links.map(({ places }) =>
    places.map((place) => (place.kind === "arena" ? place.word : "plain")),
  );
  // x at 0, y at 4, the second x at 12; the second y, which nobody in the chain reads, in its tensor alone.
  expect(words).toEqual([[0], [0, 4], [6, 0, 12], [12, undefined]]);
  expect(part?.plan?.links[3]?.places[1]).toMatchObject({ keep: { variable: 0, element: 0 } });
  expect(part?.plan?.variables).toMatchObject([{ type: "array<u32>", access: "read_write" }]);
});

test("a call of another workgroup size stands alone, and so does a single one", () => {
  const x = row(4);
  const link = shader([reads("x", x), makes("x", x)]);
  expect(parts([link, link, shader([], { workgroupSize: 64 }), link])).toEqual([
    [0, 2, true],
    [2, 3, false],
    [3, 4, false],
  ]);
});

test("a chain ends before a call that reads otherwise what it writes, or writes what it reads", () => {
  const [x, y] = [row(4), row(8)];
  const link = shader([reads("x", x), makes("x", x)]);
  expect(parts([link, link, shader([plain("x", x)])])).toEqual([
    [0, 2, true],
    [2, 3, false],
  ]);
  const reader = shader([plain("y", y), makes("x", x)]);
  expect(parts([reader, reader, shader([plain("y", y, "read_write")])])).toEqual([
    [0, 2, true],
    [2, 3, false],
  ]);
  // More than one has written.
  expect(parts([shader([makes("y", columns(y, 0, 4))]), link, shader([reads("y", y), makes("x", x)])])).toEqual([
    [0, 2, true],
    [2, 3, false],
  ]);
});

test("a chain has no more buffers, tiles and workgroup memory than the device allows, and keeps what follows needs", () => {
  const x = row(4);
  const shaders = Array.from({ length: 9 }, (_, i) =>
    shader([plain(`w${i}`, row(4)), reads("x", x), makes("x", x)], { code: `// ${i}` }),
  );
  // Two buffers are the chain's own, one is that of x, so five are left.
  const found = planChains(shaders, [x], LIMITS);
  expect(found.map(({ start, end }) => [start, end])).toEqual([
    [0, 5],
    [5, 9],
  ]);
  expect(found[0]?.plan?.links.at(-1)?.places[2]).toMatchObject({ kind: "arena", keep: { kind: "plain" } });
  const link = shader([reads("x", x), makes("x", x)], { workgroups: () => [40, 1, 1] });
  expect(parts([link, link, link], [x])).toEqual([
    [0, 2, true],
    [2, 3, false],
  ]);
  const large = shader([reads("x", x), makes("x", x)], { code: "var<workgroup> a: array<vec4<f32>, 2000>;" });
  expect(parts([large, large], [x])).toEqual([
    [0, 1, false],
    [1, 2, false],
  ]);
});

test("links of equal code share a function, and all share workgroup memory", () => {
  const buffer = { size: 1024 } as GPUBuffer;
  const x = row(4);
  const link = (at: number) =>
    shader([plain("w", row(4, buffer, at)), reads("x", x), makes("x2", x)], {
      code: "var<workgroup> parts: array<f32, 8>;\nfn twice(v: f32) -> f32 { return 2.0 * v * w[0]; }",
      main: "x2_put(0u, twice(x_at(0u)));",
    });
  const other = shader([reads("x", x), makes("y", x)], {
    code: "var<workgroup> sums: array<f32, 16>;",
    main: "y_put(0u, 1.0);",
  });
  const [part] = planChains([link(0), link(256), other, link(512)], [x], LIMITS);
  if (!part?.plan) throw new Error("no chain");
  const { code, tiles, rows } = linkChain(part.plan);
  // The first reads x where it is, and the last keeps it.
  expect(code.match(/fn link_\d+/g)).toHaveLength(4);
  expect(code.match(/var<workgroup>/g)).toHaveLength(2);
  expect(code).toContain("array<f32, 16>");
  expect([...tiles.slice(0, 2)]).toEqual([8, part.plan.words]);
  // The functions of the links, and where w is for each: in elements.
  const rowOf = (tile: number) => Number(tiles[2 + 2 * tile]) * 4;
  expect([0, 2, 6].map((tile) => rows[rowOf(tile) + 4])).toEqual([0, 64, 128]);
});

test("what is written anew before it is read is not kept", () => {
  const [x, y] = [row(4), row(4)];
  const [first, second] = [shader([reads("x", x), makes("y", y)]), shader([reads("y", y), makes("x", x)])];
  const alone = shader([], { workgroupSize: 64 });
  const [part] = planChains([first, second, alone, first, second], [x], LIMITS);
  expect(part?.plan?.links[0]?.places[1]).toEqual({ kind: "arena", word: 0 });
  expect(part?.plan?.links[1]?.places[1]).toMatchObject({ word: undefined, keep: { kind: "plain" } });
});

test("what is kept takes the place of what was there only when that has been read by all", () => {
  const [x, y] = [row(4), row(4)];
  const own = (name: string, tensor: Tensor): Binding => ({ ...reads(name, tensor), exchanged: "own" });
  const first = shader([reads("x", x), makes("y", y)], { code: "// first" });
  // Workgroups of the second wait for all of the first.
  expect(parts([first, shader([reads("y", y), own("before", x), makes("x", x)])], [x])).toEqual([[0, 2, true]]);
  const [left, right] = [columns(y, 0, 1), columns(y, 1, 4)];
  const inParts = shader([reads("right", right), reads("left", left), own("before", x), makes("x", x)]);
  expect(parts([first, inParts], [x])).toEqual([[0, 2, true]]);
  // Here they do not.
  expect(parts([first, shader([reads("right", right), own("before", x), makes("x", x)])], [x])).toEqual([
    [0, 1, false],
    [1, 2, false],
  ]);
  expect(parts([first, shader([own("y", y), own("before", x), makes("x", x)])], [x])).toEqual([
    [0, 1, false],
    [1, 2, false],
  ]);
  // A workgroup may write where another has still to read.
  expect(parts([first, shader([reads("y", y), reads("before", x), makes("x", x)])], [x])).toEqual([
    [0, 1, false],
    [1, 2, false],
  ]);
});

test("a function that would have to be there twice, for other buffers, begins another chain", () => {
  const [x, one, other] = [row(4), row(4), row(4)];
  const link = (w: Tensor) => shader([plain("w", w), reads("x", x), makes("x", x)]);
  expect(parts([link(one), link(one), link(other), link(other)], [x])).toEqual([
    [0, 2, true],
    [2, 4, true],
  ]);
});

test("as many threads as are fastest, where there are so many", () => {
  expect([1024, 384, 300, 256, 128].map(chainWorkgroupSize)).toEqual([384, 384, 256, 256, undefined]);
});
