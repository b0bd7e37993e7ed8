import { execFile } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
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

it("streams a checkpoint of the published size with little memory", { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  try {
    const path = join(folder, "pytorch_model.bin");
    expect(await writeSparse(path)).toBeGreaterThan(2.9e9);
    const flags = ["--conditions=@blackmamba/source", "--import", testing("typescript-loader.mjs")];
    // Without vitest's own NODE_OPTIONS: the figure is of reading alone.
    const env = { ...process.env, NODE_OPTIONS: "" };
    const run = promisify(execFile)(process.execPath, [...flags, testing("stream-everything.mjs"), path], { env });
    const { stdout } = await run;
    const figures = JSON.parse(stdout);
    console.info(`streamed at full size: ${stdout.trim()}`);
    expect(figures.tensors).toBe(publishedTensors().length);
    expect(figures.byteLength / 2).toBeCloseTo(1.458e9, -6);
    expect(figures.rssGrowthBytes).toBeLessThan(300e6);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
