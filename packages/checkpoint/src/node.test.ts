import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFileSink, listFolder, openFile } from "./node.ts";
import { openCheckpoint } from "./open-checkpoint.ts";
import { writeSafetensors } from "./safetensors/write-safetensors.ts";
import { tensorFromBytes } from "./tensor-from.ts";
import { codedError } from "./testing/expect-error.ts";
import { goldenPath } from "./testing/golden.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("openFile", () => {
  it("opens a checkpoint by path, which is its name", async () => {
    const path = goldenPath("blackmamba", "pytorch_model.bin");
    const source = await openFile(path);
    const checkpoint = await openCheckpoint(source);
    expect(checkpoint.name).toBe(path);
    expect((await checkpoint.tensors.get("decoder.final_layernorm.weight")?.read())?.byteLength).toBe(128);
    await checkpoint.close();
    expect((await codedError(source.read(0, 1))).code).toBe("ERR_CHECKPOINT_SOURCE_READ");
  });

  it("reads exactly the range, and refuses one beyond the end", async () => {
    const path = join(folder, "bytes");
    await writeFile(path, Uint8Array.of(1, 2, 3, 4));
    const source = await openFile(path);
    expect([...(await source.read(1, 2))]).toEqual([2, 3]);
    expect((await codedError(source.read(3, 2))).code).toBe("ERR_CHECKPOINT_TRUNCATED");
    await writeFile(path, Uint8Array.of(1));
    expect((await codedError(source.read(1, 2))).code).toBe("ERR_CHECKPOINT_TRUNCATED");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(source.read(0, 1, { signal })).rejects.toThrow("enough");
    await source.close?.();
  });

  it("reads into memory that it is given, if that is large enough", async () => {
    const path = join(folder, "bytes");
    await writeFile(path, Uint8Array.of(1, 2, 3, 4));
    const source = await openFile(path);
    const into = new Uint8Array(3);
    const read = await source.read(1, 2, { into });
    expect([read.buffer === into.buffer, [...read], [...into]]).toEqual([true, [2, 3], [2, 3, 0]]);
    const more = await source.read(0, 4, { into });
    expect([more.buffer === into.buffer, [...more], [...into]]).toEqual([false, [1, 2, 3, 4], [2, 3, 0]]);
    await source.close?.();
  });

  it("says so when there is no such file, or it is none", async () => {
    const missing = await codedError(openFile(join(folder, "missing.bin")));
    expect(missing.code).toBe("ERR_CHECKPOINT_SOURCE_READ");
    expect(missing.message).toBe(
      `${join(folder, "missing.bin")}: no such file; give the path of a file that may be read`,
    );
    expect((await codedError(openFile(folder))).message).toBe(
      `${folder}: a file expected, a folder found; give the path of a file`,
    );
  });
});

describe("listFolder", () => {
  it("gives the names, sorted", async () => {
    for (const name of ["b", "a"]) await writeFile(join(folder, name), "");
    expect(await listFolder(folder)).toEqual(["a", "b"]);
  });

  it("refuses what is no folder", async () => {
    await writeFile(join(folder, "file"), "");
    expect((await codedError(listFolder(join(folder, "file")))).message).toContain("a folder expected");
    expect((await codedError(listFolder(join(folder, "missing")))).message).toContain("no such folder");
  });
});

describe("createFileSink", () => {
  const tensor = tensorFromBytes({ name: "a", dtype: "f32", shape: [2] }, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));

  it("writes a file under its name, and nothing else", async () => {
    const path = join(folder, "model.safetensors");
    await writeSafetensors([tensor], await createFileSink(path));
    expect(await readdir(folder)).toEqual(["model.safetensors"]);
    const checkpoint = await openCheckpoint(await openFile(path));
    expect([...((await checkpoint.tensors.get("a")?.read()) ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await checkpoint.close();
  });

  it("writes pieces of any size in order, whose arrays may change once they are taken", async () => {
    const path = join(folder, "large");
    const sink = await createFileSink(path);
    const expected: Uint8Array[] = [];
    const room = new Uint8Array(9_000_000);
    for (const [index, byteLength] of [1, 3_000_001, 0, 9_000_000, 7, 4 << 20, 5_000_000].entries()) {
      const piece = room.subarray(0, byteLength).fill(index + 1);
      expected.push(piece.slice());
      await sink.write(piece);
      room.fill(0);
    }
    await sink.close();
    expect((await readFile(path)).equals(Buffer.concat(expected))).toBe(true);
    expect(await readdir(folder)).toEqual(["large"]);
  });

  it("leaves what was there until it is finished, and for good when it fails", async () => {
    const path = join(folder, "model.safetensors");
    await writeFile(path, "before");
    const sink = await createFileSink(path);
    await sink.write(Uint8Array.of(1, 2, 3));
    expect(await readFile(path, "utf8")).toBe("before");
    await sink.abort();
    const failing = { ...tensor, shape: [3] };
    await codedError(writeSafetensors([failing], await createFileSink(path)));
    expect(await readdir(folder)).toEqual(["model.safetensors"]);
    expect(await readFile(path, "utf8")).toBe("before");
  });

  it("says so when the folder does not exist", async () => {
    const error = await codedError(createFileSink(join(folder, "no", "model.safetensors")));
    expect(error.code).toBe("ERR_CHECKPOINT_SINK_WRITE");
    expect(error.message).toContain("ENOENT");
  });
});
