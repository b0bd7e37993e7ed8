import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { publishedTensors } from "../testing/published-layout.ts";
import { torchFilePieces } from "../testing/torch-bytes.ts";

const testing = (file: string) => fileURLToPath(new URL(`../testing/${file}`, import.meta.url));

/** Writes a file of the published size whose storages are holes, so that it takes no room on the disk. */
async function writeSparse(path: string): Promise<number> {
  const tensors = publishedTensors();
  const storages: Record<string, number> = {};
  for (const { storage, shape } of tensors) storages[storage] = 2 * shape.reduce((product, size) => product * size, 1);
  const { byteLength, pieces } = torchFilePieces({
    tensors,
    storages,
    model: true,
    zip64: true,
    root: "pytorch_model",
  });
  const handle = await open(path, "w");
  await handle.truncate(byteLength);
  for (const piece of pieces) await handle.write(piece.bytes, 0, piece.bytes.byteLength, piece.byteOffset);
  await handle.close();
  return byteLength;
}

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  path = join(folder, "pytorch_model.bin");
  expect(await writeSparse(path)).toBeGreaterThan(2.9e9);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it.each([
  { what: "streams", dtype: undefined, byteLength: 2 * 1.458e9 },
  { what: "converts to q4_0", dtype: "q4_0", byteLength: (4.5 / 8) * 1.458e9 },
])(
  "$what a checkpoint of the published size with little memory",
  { timeout: 300_000 },
  async ({ what, dtype, byteLength }) => {
    const flags = ["--conditions=@blackmamba/source", "--import", testing("typescript-loader.mjs")];
    // Without vitest's own NODE_OPTIONS: the figure is of that alone.
    const env = { ...process.env, NODE_OPTIONS: "" };
    const args = [...flags, testing("stream-everything.mjs"), path, ...(dtype ? [dtype] : [])];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    const figures = JSON.parse(stdout);
    console.info(`${what} at full size: ${stdout.trim()}`);
    expect(figures.tensors).toBe(publishedTensors().length);
    // But for small tensors, which stay in 16 bit.
    expect(Math.abs(figures.byteLength - byteLength) / byteLength).toBeLessThan(dtype ? 0.01 : 0.001);
    expect(figures.rssGrowthBytes).toBeLessThan(300e6);
  },
);
