/** A download whose disk, server or reader does not do as it should. What comes over the network, and what does not, is in `hub/hub-folder.test.ts`. */
import { countingBytes, expectBytes, fileResponse } from "@blackmamba/testing";
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

  it("asks for nothing and begins nothing until it is read", async () => {
    const never = () => {
      throw new Error("nobody asked for it");
    };
    const check = { update: never, verify: never };
    const download = new Download({ file: { ...file, fetch: never }, begin: never, check });
    await download.close();
    await download.close();
    await expect(download.read(0, 1)).rejects.toThrow("file.bin was closed");
    await expect(download.complete()).rejects.toThrow("file.bin was closed");
  });

  it("closes a file that is begun while it is closed", async () => {
    let closed = 0;
    let isBegun: (() => void) | undefined;
    const memory = memoryFile();
    const begun = new Promise<void>((resolve) => {
      isBegun = resolve;
    });
    const begin = async () => {
      await begun;
      return Object.assign(memory, { close: async () => void closed++ });
    };
    const download = new Download({ file, begin, check: { update: () => {}, verify: () => {} } });
    const whole = download.complete();
    const closing = download.close();
    isBegun?.();
    await closing;
    await expect(whole).rejects.toThrow("file.bin was closed");
    expect([closed, memory.byteLength]).toEqual([1, 0]);
  });

  it("says that what came is wrong even if it cannot be deleted", async () => {
    const partial = { ...memoryFile(), discard: () => Promise.reject(new Error("not permitted")) };
    const verify = () => {
      throw new Error("it is wrong");
    };
    const download = new Download({ file, begin: async () => partial, check: { update: () => {}, verify } });
    await expect(download.complete()).rejects.toThrow("it is wrong");
    await download.close();
  });

  describe("of several ranges", () => {
    const large = countingBytes(50_000_000);
    const check = { update: () => {}, verify: () => {} };
    const startOf = (init: RequestInit | undefined) =>
      Number(/bytes=(\d+)-/.exec(new Headers(init?.headers).get("Range") ?? "")?.[1]);

    /** A server that is asked whether it gives the range that begins there. */
    const serving =
      (hasRange: (start: number) => boolean): typeof fetch =>
      async (input, init) =>
        fileResponse(new Request(input, init), { bytes: large, oid: "a" }, hasRange(startOf(init)));

    it("ends the others when one fails", async () => {
      const started: AbortSignal[] = [];
      const failing: typeof fetch = async (input, init) => {
        const start = startOf(init);
        if (start > 8_000_000 && start < 9_000_000) return new Response("", { status: 404 });
        if (start > 9_000_000) {
          const signal = init?.signal as AbortSignal;
          started.push(signal);
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        }
        return serving(() => true)(input, init);
      };
      const largeFile = { ...file, fetch: failing, byteLength: large.byteLength };
      const download = new Download({ file: largeFile, begin: async () => memoryFile(), check });
      await expect(download.complete()).rejects.toMatchObject({ code: "ERR_HTTP_STATUS", status: 404 });
      expect(started.length).toBeGreaterThan(0);
      for (const signal of started) expect(signal.aborted).toBe(true);
      await download.close();
    });

    it.each([
      ["now and then", (start: number) => (start / 8_388_608) % 2 === 0],
      ["only at first", (start: number) => start < 20_000_000],
      ["only later", (start: number) => start > 0],
      ["never", () => false],
    ])("is right if the server gives ranges %s", async (_, hasRange) => {
      const partial = memoryFile();
      const largeFile = { ...file, fetch: serving(hasRange), byteLength: large.byteLength };
      const download = new Download({ file: largeFile, begin: async () => partial, check });
      await download.complete();
      expect(partial.byteLength).toBe(large.byteLength);
      expectBytes(await download.read(0, large.byteLength), large);
      await download.close();
    });

    /** All of the file whatever was asked for, piece by piece as it is taken. */
    const wholeFile = (onPull: (byteLength: number) => void, breakAt = Number.POSITIVE_INFINITY): Response => {
      let at = 0;
      const pull = async (controller: ReadableStreamDefaultController) => {
        await new Promise((resolve) => setTimeout(resolve));
        const piece = large.slice(at, at + 1_000_000);
        at += piece.byteLength;
        onPull(piece.byteLength);
        if (at > breakAt) controller.error(new Error("broken"));
        else if (piece.byteLength === 0) controller.close();
        else controller.enqueue(piece);
      };
      const headers = { "Content-Length": String(large.byteLength) };
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers });
    };

    it("takes no more of one that the server has none of than belongs to it", async () => {
      let pulled = 0;
      const count = (byteLength: number) => {
        pulled += byteLength;
      };
      const second: typeof fetch = async (input, init) => {
        if (startOf(init) === 8_388_608) return wholeFile(count);
        const response = await serving(() => true)(input, init);
        if (startOf(init) > 0) return response;
        // The first one takes long, so that the others have to wait.
        const transform = async (piece: Uint8Array, controller: TransformStreamDefaultController) => {
          controller.enqueue(piece.slice(0, 1000));
          await new Promise((resolve) => setTimeout(resolve, 300));
          controller.enqueue(piece.slice(1000));
        };
        const body = response.body?.pipeThrough(new TransformStream({ transform }));
        return new Response(body, { status: 206, headers: response.headers });
      };
      const largeFile = { ...file, fetch: second, byteLength: large.byteLength };
      const download = new Download({ file: largeFile, begin: async () => memoryFile(), check });
      await download.complete();
      expect(pulled).toBeLessThan(19_000_000);
      await download.close();
    });

    it("is right if the server turns out to give ranges while it sends the whole file", async () => {
      let answerPart: (() => void) | undefined;
      const asked = new Promise<void>((resolve) => {
        answerPart = resolve;
      });
      const changing: typeof fetch = async (input, init) => {
        if (startOf(init) === 0) return wholeFile(() => answerPart?.(), 20_000_000);
        await asked;
        return serving(() => true)(input, init);
      };
      const partial = memoryFile();
      const largeFile = { ...file, fetch: changing, byteLength: large.byteLength };
      const download = new Download({ file: largeFile, begin: async () => partial, check });
      const end = download.read(large.byteLength - 10, 10);
      const whole = download.complete();
      expectBytes(await end, large.slice(-10));
      await whole;
      expect(partial.byteLength).toBe(large.byteLength);
      expectBytes(await download.read(0, large.byteLength), large);
      await download.close();
    });

    it("keeps no more than the file has, whatever comes", async () => {
      const endless: typeof fetch = async () =>
        new Response(
          new ReadableStream(
            { pull: (controller) => controller.enqueue(new Uint8Array(100_000)) },
            { highWaterMark: 0 },
          ),
        );
      const partial = memoryFile();
      const download = new Download({ file: { ...file, fetch: endless }, begin: async () => partial, check });
      await download.complete();
      expect(partial.byteLength).toBe(bytes.byteLength);
      await download.close();
    });

    it("does not have a server without ranges send all of the file for its end alone", async () => {
      let pulled = 0;
      const count = (byteLength: number) => {
        pulled += byteLength;
      };
      const largeFile = { ...file, fetch: async () => wholeFile(count), byteLength: large.byteLength };
      const download = new Download({ file: largeFile, begin: async () => memoryFile(), check });
      expectBytes(await download.read(large.byteLength - 10, 10), large.slice(-10));
      await download.complete();
      expect(pulled).toBeLessThan(large.byteLength + 2_000_000);
      await download.close();
    });
  });
});
