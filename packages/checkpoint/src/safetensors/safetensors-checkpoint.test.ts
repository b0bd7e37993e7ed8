import { describe, expect, it } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { requireTensor } from "../checkpoint.ts";
import { codedError } from "../testing/expect-error.ts";
import { GOLDEN, goldenSource } from "../testing/golden.ts";
import { safetensorsFile } from "../testing/safetensors-bytes.ts";
import { openSafetensors } from "./safetensors-checkpoint.ts";

function open(file: Uint8Array) {
  return openSafetensors(bytesSource(file, "test.safetensors"));
}

function refusal(file: Uint8Array) {
  return codedError(open(file));
}

const entry = (dtype: string, shape: readonly number[], start: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

describe("openSafetensors", () => {
  it("reads tensors and metadata", async () => {
    const header = { __metadata__: { format: "pt" }, a: entry("F32", [2], 0, 8), b: entry("BF16", [1, 3], 8, 14) };
    const { tensors, metadata, refused } = await open(safetensorsFile(header, 14));
    expect({ ...metadata }).toEqual({ format: "pt" });
    expect([...tensors.values()].map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ["a", "f32", [2]],
      ["b", "bf16", [1, 3]],
    ]);
    expect([...((await tensors.get("a")?.read()) ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    // The storage of an odd number of 16-bit elements is padded to a multiple of 4.
    expect([...((await tensors.get("b")?.read()) ?? [])]).toEqual([8, 9, 10, 11, 12, 13, 0, 0]);
    expect(refused?.size).toBe(0);
  });

  it("reads scalars, empty tensors and 32-bit integers", async () => {
    const header = {
      scalar: entry("F32", [], 0, 4),
      empty: entry("F16", [0, 4], 4, 4),
      ids: entry("I32", [1], 4, 8),
      counts: entry("U32", [1], 8, 12),
    };
    const { tensors } = await open(safetensorsFile(header, 12));
    expect((await tensors.get("scalar")?.read())?.byteLength).toBe(4);
    expect((await tensors.get("empty")?.read())?.byteLength).toBe(0);
    expect([tensors.get("ids")?.dtype, tensors.get("counts")?.dtype]).toEqual(["u32", "u32"]);
  });

  it.each(GOLDEN)("reads the golden activations of %s", async (folder) => {
    const { tensors } = await openSafetensors(await goldenSource(folder, "golden.safetensors"));
    expect(tensors.get("logits")?.shape).toEqual([37, 512]);
    expect(tensors.get("input_ids")?.dtype).toBe("u32");
  });

  it("gives a q8_0 pair as one tensor, values then scales", async () => {
    const header = { w: entry("I8", [2, 64], 0, 128), "w.scales": entry("F16", [2, 2], 128, 136) };
    const { tensors } = await open(safetensorsFile(header, 136));
    expect([...tensors.keys()]).toEqual(["w"]);
    const tensor = tensors.get("w");
    expect([tensor?.dtype, tensor?.shape]).toEqual(["q8_0", [2, 64]]);
    const chunks: [number, number, number | undefined][] = [];
    for await (const { byteOffset, bytes } of tensor?.chunks({ chunkByteLength: 100 }) ?? []) {
      chunks.push([byteOffset, bytes.byteLength, bytes[0]]);
    }
    // Scales start at the next multiple of 256.
    expect(chunks).toEqual([
      [0, 100, 0],
      [100, 28, 100],
      [256, 8, 128],
    ]);
    const whole = await tensor?.read();
    expect(whole?.byteLength).toBe(264);
    expect([...(whole?.subarray(256) ?? [])]).toEqual([128, 129, 130, 131, 132, 133, 134, 135]);
  });

  it("gives a q4_0 pair as one tensor of twice the width", async () => {
    const header = { w: entry("U8", [3, 16], 0, 48), "w.scales": entry("F16", [3, 1], 48, 54) };
    const { tensors } = await open(safetensorsFile(header, 54));
    expect([...tensors.keys()]).toEqual(["w"]);
    const tensor = tensors.get("w");
    expect([tensor?.dtype, tensor?.shape]).toEqual(["q4_0", [3, 32]]);
    const whole = await tensor?.read();
    expect(whole?.byteLength).toBe(264);
    expect([...(whole?.subarray(0, 48) ?? [])]).toEqual(Array.from({ length: 48 }, (_, at) => at));
    expect([...(whole?.subarray(256) ?? [])]).toEqual([48, 49, 50, 51, 52, 53, 0, 0]);
  });

  it("takes the pair in either order, and a .scales tensor of its own as what it is", async () => {
    const header = {
      "w.scales": entry("F16", [1], 0, 2),
      w: entry("I8", [32], 2, 34),
      "other.scales": entry("F16", [2], 34, 38),
    };
    const { tensors } = await open(safetensorsFile(header, 38));
    expect([...tensors.keys()]).toEqual(["w", "other.scales"]);
  });

  it.each([
    ["64-bit integers", { x: entry("I64", [1], 0, 8) }, "UNSUPPORTED_DTYPE", "I64"],
    ["a type of no known size", { x: entry("F8_E4M3", [8], 0, 8) }, "UNSUPPORTED_DTYPE", "F8_E4M3"],
    ["I8 without scales", { x: entry("I8", [32], 0, 32) }, "QUANTIZED_PAIR", '"x.scales"'],
    ["I8 of odd rows", { x: entry("I8", [8], 0, 8) }, "QUANTIZED_PAIR", "multiple of 32"],
    ["U8 without scales", { x: entry("U8", [32], 0, 32) }, "QUANTIZED_PAIR", '"x.scales" of F16 [2]'],
    ["U8 of odd rows", { x: entry("U8", [8], 0, 8) }, "QUANTIZED_PAIR", "multiple of 16"],
    ["a byte alone", { x: entry("U8", [], 0, 1) }, "QUANTIZED_PAIR", "multiple of 16"],
    [
      "scales of q8_0 beside q4_0",
      { x: entry("U8", [32], 0, 32), "x.scales": entry("F16", [1], 32, 34) },
      "QUANTIZED_PAIR",
      "F16 [2] expected beside it, F16 [1] found",
    ],
    [
      "scales of another shape",
      { x: entry("I8", [32], 0, 32), "x.scales": entry("F16", [2], 32, 36) },
      "QUANTIZED_PAIR",
      "[2] found",
    ],
    [
      "scales of another type",
      { x: entry("I8", [32], 0, 32), "x.scales": entry("F32", [1], 32, 36) },
      "QUANTIZED_PAIR",
      "F32",
    ],
  ])("refuses %s on that tensor, and still opens", async (_, header, code, words) => {
    const checkpoint = await open(safetensorsFile({ ...header, good: entry("F32", [1], 36, 40) }, 40));
    expect(checkpoint.tensors.has("good")).toBe(true);
    expect(checkpoint.tensors.has("x")).toBe(false);
    const error = await codedError((async () => requireTensor(checkpoint, "x"))());
    expect(error.code).toBe(`ERR_CHECKPOINT_${code}`);
    expect(error.message).toContain('"x"');
    expect(error.message).toContain(words);
  });

  it("says which tensors there are when one is missing", async () => {
    const checkpoint = await open(safetensorsFile({ good: entry("F32", [1], 0, 4) }, 4));
    const error = await codedError((async () => requireTensor(checkpoint, "bad"))());
    expect(error.code).toBe("ERR_CHECKPOINT_MISSING_TENSOR");
    expect(error.message).toContain('"bad" among its 1 ("good")');
  });

  it.each([
    ["an empty file", new Uint8Array(0), "EMPTY_FILE", "0 bytes"],
    ["a few bytes", new Uint8Array(5), "TRUNCATED", "ends at byte 5"],
    ["a header of no length", new Uint8Array(16), "SAFETENSORS_HEADER", "header of 0"],
    ["a header beyond 100 MB", new Uint8Array(64).fill(1), "SAFETENSORS_HEADER", "100000000"],
    ["a header beyond the file", safetensorsFile({ a: 1 }).subarray(0, 12), "TRUNCATED", "header of 7"],
    ["no JSON", safetensorsFile("{nonsense"), "SAFETENSORS_HEADER", "no JSON"],
    ["JSON that is no object", safetensorsFile("[1,2]"), "SAFETENSORS_HEADER", "no JSON object"],
    ["metadata that is no object", safetensorsFile({ __metadata__: 1 }), "SAFETENSORS_HEADER", "__metadata__"],
    ["metadata that is no text", safetensorsFile({ __metadata__: { a: 1 } }), "SAFETENSORS_HEADER", '"a" is no text'],
    ["an entry that is no object", safetensorsFile({ w: null }), "SAFETENSORS_HEADER", '"w"'],
    ["no dtype", safetensorsFile({ w: { shape: [], data_offsets: [0, 0] } }), "SAFETENSORS_HEADER", "dtype"],
    ["no shape", safetensorsFile({ w: { dtype: "F32", data_offsets: [0, 0] } }), "SAFETENSORS_HEADER", "shape"],
    ["a negative size", safetensorsFile({ w: entry("F32", [-1], 0, 0) }), "SAFETENSORS_HEADER", "shape"],
    [
      "a size that is no whole number",
      safetensorsFile({ w: entry("F32", [0.5], 0, 2) }, 2),
      "SAFETENSORS_HEADER",
      "shape",
    ],
    ["no offsets", safetensorsFile({ w: { dtype: "F32", shape: [] } }), "SAFETENSORS_HEADER", "data_offsets"],
    [
      "one offset",
      safetensorsFile({ w: { dtype: "F32", shape: [], data_offsets: [4] } }, 4),
      "SAFETENSORS_HEADER",
      "pair",
    ],
    [
      "offsets that go backwards",
      safetensorsFile({ w: entry("F32", [0], 4, 0) }, 4),
      "SAFETENSORS_HEADER",
      "backwards",
    ],
    ["offsets beyond the file", safetensorsFile({ w: entry("F32", [2], 0, 8) }, 7), "TRUNCATED", '"w" ends at byte'],
    [
      "offsets of another size",
      safetensorsFile({ w: entry("F32", [2], 0, 4) }, 8),
      "SAFETENSORS_HEADER",
      "takes 8 bytes",
    ],
    [
      "tensors that overlap",
      safetensorsFile({ v: entry("F32", [2], 0, 8), w: entry("F32", [1], 4, 8) }, 8),
      "SAFETENSORS_HEADER",
      '"w" begins within tensor "v"',
    ],
    [
      "two tensors of one name",
      safetensorsFile(
        '{"w":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}',
        8,
      ),
      "SAFETENSORS_HEADER",
      "same name",
    ],
    ["a header beyond 8 MiB", safetensorsFile(`{${" ".repeat(8 << 20)}}`), "LIMIT", "has 8388610 bytes"],
    ["a header that is deep", safetensorsFile(`{"w":${"[".repeat(1e6)}${"]".repeat(1e6)}}`), "LIMIT", "1000001 levels"],
    ["a header of many values", safetensorsFile(`{"w":[${"1,".repeat(1e6)}1]}`), "LIMIT", "1000002 values"],
    [
      "a size beyond counting",
      safetensorsFile({ w: entry("F32", [2 ** 52, 2 ** 52], 0, 4) }, 8),
      "SAFETENSORS_HEADER",
      "takes",
    ],
  ])("refuses %s", async (_, file, code, words) => {
    const error = await refusal(file);
    expect(error.code).toBe(`ERR_CHECKPOINT_${code}`);
    expect(error.message).toContain(words);
    expect(error.message).toContain("test.safetensors");
  });

  it("refuses a file cut off at any byte", async () => {
    const whole = safetensorsFile({ a: entry("F32", [2], 0, 8), b: entry("F32", [2], 8, 16) }, 16);
    for (let length = 1; length < whole.length; length++) {
      expect((await refusal(whole.subarray(0, length))).code).toBe("ERR_CHECKPOINT_TRUNCATED");
    }
  });

  it("takes a name such as __proto__ for a name", async () => {
    const json = '{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    expect([...(await open(safetensorsFile(json, 4))).tensors.keys()]).toEqual(["__proto__"]);
  });
});
