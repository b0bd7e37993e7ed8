/** The parts of a file, in a folder that is only thought of; what a real one does is in `hub/hub-folder.test.ts`. */
import { countingBytes, expectBytes } from "@blackmamba/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openBrowserPartialFile, PART_BYTE_LENGTH, wholeFile } from "./browser-partial-file.ts";

/** A folder whose files are written at once. */
function thoughtFolder(): FileSystemDirectoryHandle {
  const files = new Map<string, File>();
  const folder = {
    async getFileHandle(name: string, { create = false } = {}) {
      if (!create && !files.has(name)) throw new DOMException(name, "NotFoundError");
      const createWritable = async () => {
        const parts: Uint8Array<ArrayBuffer>[] = [];
        const write = async (bytes: Uint8Array<ArrayBuffer>) => void parts.push(bytes.slice());
        return { write, close: async () => void files.set(name, new File(parts, name)), abort: async () => {} };
      };
      return { getFile: async () => files.get(name), createWritable };
    },
  };
  return folder as unknown as FileSystemDirectoryHandle;
}

describe("openBrowserPartialFile", () => {
  it("gives the right bytes while the part that they reach into becomes full", async () => {
    const bytes = countingBytes(2 * PART_BYTE_LENGTH + 1000);
    const file = await openBrowserPartialFile("file.bin", thoughtFolder(), () => {});
    await file.append(bytes.subarray(0, PART_BYTE_LENGTH + 1000));
    let isFull: (() => void) | undefined;
    const full = new Promise<void>((resolve) => {
      isFull = resolve;
    });
    const { arrayBuffer } = Blob.prototype;
    const slowly = vi.spyOn(Blob.prototype, "arrayBuffer").mockImplementation(async function (this: Blob) {
      await full;
      return arrayBuffer.call(this);
    });
    onTestFinished(() => slowly.mockRestore());
    const reading = file.read(PART_BYTE_LENGTH - 100, 200);
    await file.append(bytes.subarray(PART_BYTE_LENGTH + 1000));
    isFull?.();
    expectBytes(await reading, bytes.slice(PART_BYTE_LENGTH - 100, PART_BYTE_LENGTH + 100));
  });

  it("goes on after the last full part, and is whole only when it was finished", async () => {
    const folder = thoughtFolder();
    const bytes = countingBytes(PART_BYTE_LENGTH + 1000);
    let released = 0;
    const first = await openBrowserPartialFile("file.bin", folder, () => void released++);
    await first.append(bytes);
    await first.close();
    await first.close();
    expect(released).toBe(1);
    expect(await wholeFile(folder)).toBe(undefined);
    const second = await openBrowserPartialFile("file.bin", folder, () => {});
    expect(second.byteLength).toBe(PART_BYTE_LENGTH);
    await second.append(bytes.subarray(PART_BYTE_LENGTH));
    await second.finish();
    expectBytes(await second.read(0, bytes.byteLength), bytes);
    expectBytes(new Uint8Array((await (await wholeFile(folder))?.arrayBuffer()) ?? []), bytes);
  });
});
