import { expectBytes } from "@blackmamba/testing";
import { describe, expect, it } from "vitest";
import { Blocks } from "./blocks.ts";

const MIB = 1 << 20;

/** A file of so many bytes, and what is asked of its server. */
function remote(byteLength: number) {
  const bytes = Uint8Array.from({ length: byteLength }, (_, i) => (i * 7 + (i >> 9)) % 251);
  const asked: [start: number, end: number][] = [];
  const server = { under: 0, mostUnder: 0, failures: 0 };
  const blocks = new Blocks(byteLength, async (start, end, signal) => {
    asked.push([start, end]);
    server.under += 1;
    server.mostUnder = Math.max(server.mostUnder, server.under);
    await new Promise((resolve) => setTimeout(resolve, 1));
    server.under -= 1;
    signal.throwIfAborted();
    if (server.failures-- > 0) throw new Error("broken");
    return bytes.slice(start, end);
  });
  return { bytes, asked, server, blocks };
}

describe("Blocks", () => {
  it("fetches every byte once, however small the reads, one block at a time", async () => {
    const { bytes, asked, server, blocks } = remote(9 * MIB + 5);
    const reads: Promise<Uint8Array>[] = [];
    for (let at = 0; at < bytes.byteLength; at += 100_000) {
      reads.push(blocks.read(at, Math.min(100_000, bytes.byteLength - at)));
    }
    for (const [index, read] of reads.entries()) {
      expectBytes(await read, bytes.subarray(index * 100_000, (index + 1) * 100_000));
    }
    expect(asked).toEqual([
      [0, 4 * MIB],
      [4 * MIB, 8 * MIB],
      [8 * MIB, 9 * MIB + 5],
    ]);
    expect(server.mostUnder).toBe(1);
  });

  it("has the next ones on their way before they are asked for", async () => {
    const { bytes, asked, blocks } = remote(17 * MIB);
    expectBytes(await blocks.read(0, 10), bytes.subarray(0, 10));
    await expect.poll(() => asked.length).toBe(4);
  });

  it("fetches several blocks at a time of a file that no browser keeps", async () => {
    const { bytes, server, blocks } = remote(33 * MIB);
    const all = await Promise.all([0, 8, 16, 24].map((start) => blocks.read(start * MIB, 8 * MIB)));
    for (const [index, read] of all.entries()) {
      expectBytes(read, bytes.subarray(index * 8 * MIB, (index + 1) * 8 * MIB));
    }
    expect(server.mostUnder).toBe(4);
  });

  it("keeps no more than some, and fetches again what came too early", async () => {
    const { bytes, asked, blocks } = remote(100 * MIB);
    // One byte of each leaves all of them unread.
    for (let at = 0; at < bytes.byteLength; at += 4 * MIB) await blocks.read(at, 1);
    expect(asked.length).toBe(25);
    await blocks.read(99 * MIB, 1);
    expect(asked.length).toBe(25);
    expectBytes(await blocks.read(1, 10), bytes.subarray(1, 11));
    expect(asked.length).toBeGreaterThan(25);
  });

  it("puts bytes into memory that is there, if it is enough", async () => {
    const { bytes, blocks } = remote(1000);
    const into = new Uint8Array(100);
    const read = await blocks.read(10, 90, { into });
    expect(read.buffer).toBe(into.buffer);
    expectBytes(read, bytes.subarray(10, 100));
    expectBytes(await blocks.read(10, 101, { into }), bytes.subarray(10, 111));
  });

  it("fetches a block again that failed", async () => {
    const { bytes, server, blocks } = remote(1000);
    server.failures = 1;
    await expect(blocks.read(0, 10)).rejects.toThrow("broken");
    expectBytes(await blocks.read(0, 10), bytes.subarray(0, 10));
  });

  it("ends the waiting of one reader, and not what others wait for", async () => {
    const { bytes, asked, blocks } = remote(1000);
    const stop = new AbortController();
    const stopped = blocks.read(0, 10, { signal: stop.signal });
    const other = blocks.read(5, 10);
    stop.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
    expectBytes(await other, bytes.subarray(5, 15));
    expect(asked.length).toBe(1);
  });

  it("ends all of it when it is closed", async () => {
    const { asked, blocks } = remote(10 * MIB);
    const read = blocks.read(0, 10);
    blocks.close();
    await expect(read).rejects.toThrow("the file was closed");
    await expect(blocks.read(0, 10)).rejects.toThrow("the file was closed");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(asked.length).toBe(1);
  });
});
