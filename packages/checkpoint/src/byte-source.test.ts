import { describe, expect, it } from "vitest";
import { blobSource, bytesSource, toByteSource } from "./byte-source.ts";
import { codedError } from "./testing/expect-error.ts";

const bytes = Uint8Array.from({ length: 100 }, (_, index) => index);

describe.each([
  ["bytesSource", () => bytesSource(bytes, "numbers")],
  ["blobSource", () => blobSource(new Blob([bytes]), "numbers")],
] as const)("%s", (_, createSource) => {
  it("reads exactly the range", async () => {
    const source = createSource();
    expect(source.byteLength).toBe(100);
    expect([...(await source.read(10, 5))]).toEqual([10, 11, 12, 13, 14]);
    expect((await source.read(100, 0)).byteLength).toBe(0);
  });

  it("gives bytes that the caller may change", async () => {
    const source = createSource();
    (await source.read(0, 100)).fill(255);
    expect([...(await source.read(0, 2))]).toEqual([0, 1]);
  });

  it.each([
    [99, 2],
    [101, 0],
    [0, 101],
  ])("refuses %i + %i, which reaches beyond the end, by name", async (byteOffset, byteLength) => {
    const error = await codedError(createSource().read(byteOffset, byteLength));
    expect(error.code).toBe("ERR_CHECKPOINT_TRUNCATED");
    expect(error.message).toContain("numbers");
  });

  it.each([
    [-1, 2],
    [0, -1],
    [0.5, 1],
    [0, Number.NaN],
    [2 ** 60, 1],
  ])("refuses %d + %d as an argument", async (byteOffset, byteLength) => {
    expect((await codedError(createSource().read(byteOffset, byteLength))).code).toBe("ERR_CHECKPOINT_ARGUMENT");
  });

  it("rejects with the reason of an aborted signal", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(createSource().read(0, 1, { signal })).rejects.toThrow("enough");
  });
});

describe("blobSource", () => {
  it("is named after a File", () => {
    expect(blobSource(new File([bytes], "model.safetensors")).name).toBe("model.safetensors");
    expect(blobSource(new Blob([bytes])).name).toBe("blob");
  });

  it("tells of a blob that cannot be read", async () => {
    const broken = new Blob([bytes]);
    broken.slice = () => {
      throw new DOMException("changed", "NotReadableError");
    };
    expect((await codedError(blobSource(broken).read(0, 1))).code).toBe("ERR_CHECKPOINT_SOURCE_READ");
  });

  it("tells of a blob that gives less than it said", async () => {
    const broken = new Blob([bytes]);
    broken.slice = () => new Blob([]);
    expect((await codedError(blobSource(broken).read(0, 1))).code).toBe("ERR_CHECKPOINT_TRUNCATED");
  });
});

describe("toByteSource", () => {
  it("takes bytes, buffers, blobs and sources", async () => {
    for (const from of [bytes, bytes.buffer, new Blob([bytes]), bytesSource(bytes)]) {
      expect([...(await toByteSource(from, "x").read(98, 2))]).toEqual([98, 99]);
    }
  });

  it("refuses anything else", () => {
    expect(() => toByteSource("model.bin" as never)).toThrow("Blob, Uint8Array, ArrayBuffer or ByteSource");
    expect(() => toByteSource(null as never)).toThrow("expected");
  });
});
