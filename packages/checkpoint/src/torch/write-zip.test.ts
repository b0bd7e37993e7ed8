import { expect, test } from "vitest";
import type { ByteSource } from "../byte-source.ts";
import { bytesSource } from "../byte-source.ts";
import { crc32 } from "./crc32.ts";
import { createZipWriter } from "./write-zip.ts";
import { readZipDirectory } from "./zip-directory.ts";

const u32At = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);

test("entries lie at multiples of 64, with their checksums behind them and in the directory", async () => {
  const file: number[] = [];
  const zip = createZipWriter(async (bytes) => void file.push(...bytes));
  const one = Uint8Array.from({ length: 100 }, (_, index) => index);
  await zip.entry("root/ä", 100, [one.subarray(0, 33), one.subarray(33)]);
  await zip.entry("root/none", 0, []);
  const byteLength = await zip.finish();
  const bytes = Uint8Array.from(file);
  expect(byteLength).toBe(bytes.length);

  const directory = await readZipDirectory(bytesSource(bytes));
  expect([...directory.entries.keys()]).toEqual(["root/ä", "root/none"]);
  for (const [name, content] of [["root/ä", one] as const, ["root/none", new Uint8Array()] as const]) {
    const start = await directory.locate(directory.entries.get(name)!);
    expect(start % 64).toBe(0);
    expect(bytes.subarray(start, start + content.length)).toEqual(content);
    const end = start + content.length;
    expect([0, 4, 8, 12].map((at) => u32At(bytes, end + at))).toEqual([
      ...[0x08074b50, crc32(content), content.length, content.length],
    ]);
  }
  const entry = file.findIndex((_, at) => at + 4 <= file.length && u32At(bytes, at) === 0x02014b50);
  expect(u32At(bytes, entry + 16)).toBe(crc32(one));
});

test("entries beyond 4 GiB, and of more than 4 GiB, are found again", async () => {
  const block = new Uint8Array(1 << 26).fill(7);
  const large = 65 * block.length;
  // What was written, but for the blocks.
  const kept: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  let position = 0;
  const zip = createZipWriter(async (bytes) => {
    if (bytes !== block) kept.push({ at: position, bytes: bytes.slice() });
    position += bytes.length;
  });
  await zip.entry("r/large", large, new Array<Uint8Array>(65).fill(block));
  await zip.entry("r/far", 3, [Uint8Array.of(1, 2, 3)]);
  const byteLength = await zip.finish();
  const source: ByteSource = {
    ...{ name: "z", byteLength },
    async read(byteOffset, length) {
      const bytes = new Uint8Array(length);
      for (const piece of kept) {
        const from = Math.max(piece.at, byteOffset);
        const to = Math.min(piece.at + piece.bytes.length, byteOffset + length);
        if (from < to) bytes.set(piece.bytes.subarray(from - piece.at, to - piece.at), from - byteOffset);
      }
      return bytes;
    },
  };
  const directory = await readZipDirectory(source);
  const [first, second] = ["r/large", "r/far"].map((name) => directory.entries.get(name)!);
  expect(first).toMatchObject({ byteLength: large, storedByteLength: large });
  expect((await directory.locate(first!)) % 64).toBe(0);
  const far = await directory.locate(second!);
  expect(far).toBeGreaterThan(large);
  expect(await source.read(far, 3)).toEqual(Uint8Array.of(1, 2, 3));
});
