import { describe, expect, it } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { codedError } from "../testing/expect-error.ts";
import { zip } from "../testing/zip-bytes.ts";
import { readZipDirectory } from "./zip-directory.ts";

const inputs = [
  { name: "root/one", content: Uint8Array.of(1, 2, 3) },
  { name: "root/folder/", content: 0 },
  { name: "root/two", content: new Uint8Array(1000).fill(7) },
];

async function contentOf(file: Uint8Array, name: string) {
  const source = bytesSource(file, "test.zip");
  const directory = await readZipDirectory(source);
  const entry = directory.entries.get(name);
  if (!entry) throw new Error(`no ${name}`);
  return source.read(await directory.locate(entry), entry.byteLength);
}

async function refusal(file: Uint8Array, name = "root/one") {
  return codedError(contentOf(file, name));
}

/** The file with bytes changed at `at`, counted from the end when negative. */
function changed(file: Uint8Array, at: number, ...bytes: number[]): Uint8Array {
  const copy = file.slice();
  copy.set(bytes, at < 0 ? copy.length + at : at);
  return copy;
}

function indexOfSignature(file: Uint8Array, signature: readonly number[]): number {
  return file.findIndex((_, at) => signature.every((byte, index) => file[at + index] === byte));
}

const DIRECTORY = [0x50, 0x4b, 0x01, 0x02];

describe("readZipDirectory", () => {
  it.each([
    ["plain", {}],
    ["zip64", { zip64: true }],
    ["with a comment", { comment: "a comment with PK\x05\x06 in it, and more than 22 bytes behind" }],
    ["zip64 with a comment", { zip64: true, comment: "hello" }],
    ["unaligned", { alignment: 1 }],
  ])("finds entries: %s", async (_, options) => {
    const file = zip(inputs, options);
    expect([...(await contentOf(file, "root/one"))]).toEqual([1, 2, 3]);
    expect(await contentOf(file, "root/two")).toEqual(new Uint8Array(1000).fill(7));
    const { entries } = await readZipDirectory(bytesSource(file));
    expect([...entries.keys()]).toEqual(["root/one", "root/two"]);
  });

  it("takes the data's place from the local header, whose extra field is its own", async () => {
    const source = bytesSource(zip(inputs));
    const directory = await readZipDirectory(source);
    for (const entry of directory.entries.values()) expect((await directory.locate(entry)) % 64).toBe(0);
  });

  it("refuses an empty file", async () => {
    expect((await refusal(new Uint8Array(0))).code).toBe("ERR_CHECKPOINT_EMPTY_FILE");
  });

  it.each([{}, { zip64: true }])("refuses a file cut off anywhere", async (options) => {
    const file = zip(inputs, options);
    for (let length = 1; length < file.length; length += 7) {
      expect((await refusal(file.subarray(0, length))).code).toBe("ERR_CHECKPOINT_TRUNCATED");
    }
  });

  it("refuses compressed and encrypted entries, only when they are used", async () => {
    for (const [change, word] of [
      [{ method: 8 }, "deflated"],
      [{ method: 93 }, "method 93"],
      [{ flags: 1 }, "encrypted"],
    ] as const) {
      const file = zip([
        { name: "root/one", content: 3, ...change },
        { name: "root/two", content: 5 },
      ]);
      const error = await refusal(file);
      expect(error.code).toBe("ERR_CHECKPOINT_COMPRESSED_ENTRY");
      expect(error.message).toContain(word);
      expect(error.message).toContain('"root/one"');
      expect((await contentOf(file, "root/two")).byteLength).toBe(5);
    }
  });

  it.each([
    ["two entries of one name", zip([...inputs, ...inputs]), "twice"],
    ["a damaged directory entry", changed(zip(inputs), indexOfSignature(zip(inputs), DIRECTORY), 0), "entry 0 of 3"],
    [
      "a directory entry longer than it",
      changed(zip(inputs), indexOfSignature(zip(inputs), DIRECTORY) + 28, 255, 255),
      "reaches beyond",
    ],
    [
      "a size beyond the data",
      changed(zip(inputs), indexOfSignature(zip(inputs), DIRECTORY) + 20, 0, 0, 1, 0),
      "reaches into",
    ],
    ["two sizes", changed(zip(inputs), indexOfSignature(zip(inputs), DIRECTORY) + 20, 2), "two sizes"],
    [
      "entries that overlap",
      changed(zip(inputs), indexOfSignature(zip(inputs), DIRECTORY) + (46 + 8) + (46 + 12) + 42, 10, 0),
      "begins within entry",
    ],
    ["a directory beyond the end record", changed(zip(inputs), -6, 255, 255), "overlaps"],
    ["a part of several", changed(zip(inputs), -18, 1), "one part of several"],
    ["no local header", changed(zip(inputs), 0, 0), "no header"],
    ["a local header longer than the file", changed(zip(inputs), 28, 255, 255), "reaches into"],
    ["a zip64 end out of place", changed(zip(inputs, { zip64: true }), -22 - 20 + 8, 255, 255), "zip64 end record"],
    ["a zip64 end that is none", changed(zip(inputs, { zip64: true }), -22 - 20 - 56, 0), "no zip64 end record"],
    ["an impossible zip64 size", changed(zip(inputs, { zip64: true }), -22 - 20 + 15, 255), "cannot be right"],
  ])("refuses %s", async (_, file, words) => {
    const error = await refusal(file);
    expect(error.code).toBe("ERR_CHECKPOINT_ZIP");
    expect(error.message).toContain(words);
    expect(error.message).toContain("test.zip");
  });

  it("refuses zip64 sizes that are not there", async () => {
    const file = zip(inputs);
    const at = indexOfSignature(file, DIRECTORY) + 24;
    expect((await refusal(changed(file, at, 255, 255, 255, 255))).message).toContain("lacks its zip64 sizes");
  });

  it("refuses a directory larger than any real one", async () => {
    const tail = new Uint8Array(22);
    const view = new DataView(tail.buffer);
    view.setUint32(0, 0x06054b50, true);
    view.setUint32(12, 100 * 1024 * 1024, true);
    const byteLength = 200 * 1024 * 1024;
    const source = {
      name: "huge.zip",
      byteLength,
      read: async (byteOffset: number, wanted: number) => {
        const bytes = new Uint8Array(wanted);
        bytes.set(tail, byteLength - 22 - byteOffset);
        return bytes;
      },
    };
    expect((await codedError(readZipDirectory(source))).code).toBe("ERR_CHECKPOINT_LIMIT");
  });
});
