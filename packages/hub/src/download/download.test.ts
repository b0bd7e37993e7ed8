/** A download whose disk fails. What comes over the network, and what does not, is in `hub/hub-folder.test.ts`. */
import { countingBytes, fileResponse } from "@blackmamba/testing";
import { describe, expect, it } from "vitest";
import { memoryFile } from "../host/memory-file.ts";
import { Download } from "./download.ts";

const bytes = countingBytes(100_000);
const answer: typeof fetch = async (input, init) => fileResponse(new Request(input, init), { bytes, oid: "a" }, true);
const file = { name: "file.bin", url: "https://host.test/file.bin", fetch: answer, byteLength: bytes.byteLength };

describe("Download", () => {
  it("passes on what the disk says, to all who wait, and leaves what is there", async () => {
    const memory = memoryFile();
    let [closed, discarded] = [0, 0];
    const partial = {
      ...memory,
      byteLength: 0,
      append: async () => {
        throw new Error("the disk is full");
      },
      discard: async () => void discarded++,
      close: async () => void closed++,
    };
    const download = new Download({ file, begin: async () => partial, check: { update: () => {}, verify: () => {} } });
    const waiting = [download.complete(), download.read(0, bytes.byteLength), download.complete()];
    for (const each of await Promise.allSettled(waiting)) {
      expect(each).toMatchObject({ status: "rejected", reason: new Error("the disk is full") });
    }
    await expect(download.complete()).rejects.toThrow("the disk is full");
    await download.close();
    expect([closed, discarded]).toEqual([1, 0]);
  });

  it("tells how far it is, how fast, and how long it will take", async () => {
    const seen: number[] = [];
    const download = new Download({
      file,
      begin: async () => memoryFile(),
      check: { update: () => {}, verify: () => {} },
      onProgress: ({ file: name, fetchedBytes, totalBytes, bytesPerSecond, secondsLeft }) => {
        expect([name, totalBytes]).toEqual(["file.bin", bytes.byteLength]);
        expect(bytesPerSecond).toBeGreaterThan(0);
        expect(secondsLeft).toBeCloseTo((totalBytes - fetchedBytes) / bytesPerSecond, 9);
        seen.push(fetchedBytes);
      },
    });
    await download.complete();
    expect(seen.at(-1)).toBe(bytes.byteLength);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    await download.close();
  });

  it("stops with its reason when it is closed while someone waits", async () => {
    const stalling: typeof fetch = (_input, init) =>
      new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    const options = { begin: async () => memoryFile(), check: { update: () => {}, verify: () => {} } };
    const download = new Download({ ...options, file: { ...file, fetch: stalling } });
    const whole = download.complete();
    await download.close();
    await expect(whole).rejects.toThrow("file.bin was closed");
  });
});
