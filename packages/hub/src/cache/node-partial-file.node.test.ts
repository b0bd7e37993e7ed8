import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, open, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { cacheError } from "./cache-error.node.ts";
import { openPartialFile } from "./node-partial-file.node.ts";
import { ownedName } from "./owned-name.node.ts";

const MINUTE_MS = 60_000;
const whole = new TextEncoder().encode("all of the file");

let path: string;
beforeEach(async () => {
  // A folder's name that has what a file's name has of its process.
  const folder = await mkdtemp(join(tmpdir(), `partial.${process.pid}.`));
  onTestFinished(() => rm(folder, { recursive: true }));
  path = join(folder, "blob");
});

const begin = () => openPartialFile(path, { byteLength: whole.byteLength });
const namesBeside = async () => (await readdir(join(path, ".."))).sort();

/** A process that has ended, and one that lives as long as the test. */
async function processes(): Promise<{ readonly dead: number; readonly alive: number }> {
  const ended = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(ended, "exit");
  const living = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  onTestFinished(() => void living.kill());
  return { dead: ended.pid as number, alive: living.pid as number };
}

/** A file that a process has left, so many minutes ago. */
async function leave(pid: number, text: string, minutesAgo = 0, machine?: string): Promise<string> {
  const own = basename(ownedName(path)).replace(`.${process.pid}.`, `.${pid}.`);
  const name = machine === undefined ? own : own.replace(/^blob\.[^.]+\./, `blob.${machine}.`);
  const at = join(path, "..", name);
  await writeFile(at, text);
  const time = (Date.now() - minutesAgo * MINUTE_MS) / 1000;
  await utimes(at, time, time);
  return name;
}

describe("openPartialFile", () => {
  it("goes on with the most that dead processes have left, and deletes the rest", async () => {
    const { dead } = await processes();
    await leave(dead, "all");
    await leave(dead, "all of");
    await leave(dead, "more than all of the file");
    const file = await begin();
    expect(new TextDecoder().decode(await file.read(0, file.byteLength))).toBe("all of");
    expect(await namesBeside()).toHaveLength(1);
    await file.append(whole.subarray(6));
    await file.finish();
    await file.close();
    expect(await namesBeside()).toEqual(["blob"]);
    expect(await readFile(path, "utf8")).toBe("all of the file");
  });

  it("leaves alone what a living process, or one elsewhere, may be at", async () => {
    const { alive } = await processes();
    const left = [await leave(alive, "all", 9), await leave(1, "all", 9, "elsewhere"), await leave(process.pid, "all")];
    const file = await begin();
    expect(file.byteLength).toBe(0);
    await file.close();
    expect(await namesBeside()).toEqual(left.sort());
  });

  it.each([11, -11])("takes what has not changed for %d minutes, whoever was at it", async (minutesAgo) => {
    const { alive } = await processes();
    await leave(alive, "all", minutesAgo);
    await leave(1, "all of", minutesAgo, "elsewhere");
    const file = await begin();
    expect(file.byteLength).toBe(6);
    await file.close();
  });

  it("takes what a process of our own number has left before we began", async () => {
    const minutes = process.uptime() / 60 + 0.1;
    await leave(process.pid, "all of", minutes);
    const file = await begin();
    expect(file.byteLength).toBe(6);
    await file.close();
  });

  it("can be gone on with by the same process, once it is closed", async () => {
    const first = await begin();
    await first.append(whole.subarray(0, 5));
    const meanwhile = await begin();
    expect(meanwhile.byteLength).toBe(0);
    await meanwhile.close();
    await first.close();
    const second = await begin();
    expect(second.byteLength).toBe(5);
    await second.close();
  });

  it("leaves nothing behind when nothing came", async () => {
    await (await begin()).close();
    expect(await namesBeside()).toEqual([]);
  });

  it("deletes, once the file is whole, what others have left of it", async () => {
    const { dead, alive } = await processes();
    const file = await begin();
    await leave(dead, "all");
    const living = await leave(alive, "all");
    await file.append(whole);
    await file.finish();
    await file.close();
    expect(await namesBeside()).toEqual(["blob", living].sort());
  });

  it("refuses a file that another process wrote to as well", async () => {
    const file = await begin();
    await file.append(whole.subarray(0, 5));
    const [own] = await namesBeside();
    await appendFile(join(path, "..", own as string), "x");
    await file.append(whole.subarray(5));
    await expect(file.finish()).rejects.toThrow(
      `${path}: another process wrote to it, too: 15 bytes expected, 16 found; it is deleted, load it again`,
    );
    await file.close();
    expect(await namesBeside()).toEqual([]);
  });

  it("says so when there can be no such file", async () => {
    await writeFile(path, "");
    const within = join(path, "blob");
    await expect(openPartialFile(within, { byteLength: 1 })).rejects.toThrow(
      `${within}: could not be begun (EEXIST); set HF_HUB_CACHE to a folder that may be written`,
    );
  });
});

describe("cacheError", () => {
  it("says that a disk is full", async () => {
    // The only disk that is always full.
    const full = await open("/dev/full", "w").catch(() => undefined);
    const cause = full
      ? await full.write("x").catch((error: unknown) => error)
      : Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    await full?.close();
    expect(cacheError("/cache/blob", "written", cause).message).toBe(
      "/cache/blob: could not be written (ENOSPC); the disk is full: free some space, or set HF_HUB_CACHE to a folder on another disk",
    );
  });
});
