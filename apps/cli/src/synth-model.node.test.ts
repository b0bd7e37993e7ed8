/**
 * `blackmamba synth` with the real library, in this process: models that load, and nothing left over.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeTensor, openCheckpoint } from "@blackmamba/checkpoint";
import { openFile } from "@blackmamba/checkpoint/node";
import { BlackMamba, describeModel } from "@blackmamba/model";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PRESET_PARAMETERS, PRESETS } from "./bench/presets.ts";
import { realLibrary } from "./real-library.ts";
import { run } from "./run.ts";
import { fakeIo, INTERRUPTED } from "./testing/fake-io.ts";

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "blackmamba-synth-"));
  folder = join(parent, "model");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

async function synth(...args: string[]) {
  const io = fakeIo();
  const exitCode = await run(["synth", folder, "--preset", "storyteller", ...args], io, realLibrary);
  return { exitCode, out: io.out(), err: io.err() };
}

test.each(["bin", "safetensors"])("--format %s: a model of the preset's shape with finite logits", async (format) => {
  const { exitCode, out, err } = await synth("--format", format);
  expect({ exitCode, out }).toEqual({ exitCode: 0, out: "" });
  const file = format === "bin" ? "pytorch_model.bin" : "model.safetensors";
  expect(err).toMatch(new RegExp(`^wrote .*${file}: 52\\.0 MB, 177 bf16, in .*\\n$`));
  expect((await readdir(folder)).sort()).toEqual(["config.json", file]);
  expect(JSON.parse(await readFile(join(folder, "config.json"), "utf8"))).toEqual(PRESETS.storyteller);
  const { parameters } = await describeModel(folder);
  expect(Math.abs(parameters.total / PRESET_PARAMETERS.storyteller.total - 1)).toBeLessThan(0.01);
  const model = await BlackMamba.load(folder, { device: "cpu" });
  const logits = await model.logits(Array.from({ length: 40 }, (_, index) => (index * 7919) % 8192));
  expect(logits.every(Number.isFinite)).toBe(true);
  await model.dispose();
});

test("elements have the scale of their tensor, and no tensor is another's copy", async () => {
  await synth("--dtype", "f32");
  const checkpoint = await openCheckpoint(await openFile(join(folder, "pytorch_model.bin")));
  const beginnings = new Set<string>();
  for (const tensor of checkpoint.tensors.values()) {
    expect(tensor.dtype).toBe("f32");
    const values = await decodeTensor(tensor);
    beginnings.add(values.subarray(0, 8).join());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    if (/in_proj|linear_fc/.test(tensor.name)) {
      expect(deviation * Math.sqrt(tensor.shape.at(-1)!)).toBeCloseTo(1, 1);
    } else if (tensor.name.includes("embedding")) expect(deviation).toBeCloseTo(0.02, 3);
    // A = −exp(A_log) is from −1 to −15.
    else if (tensor.name.endsWith("A_log")) {
      expect(values.every((value) => value >= 0 && value <= Math.log(15.1))).toBe(true);
      expect(mean).toBeGreaterThan(1.9);
    }
  }
  expect(beginnings.size).toBe(checkpoint.tensors.size);
  await checkpoint.close();
});

test("the same seed gives the same files, another seed others; a model is overwritten with --force only", async () => {
  const path = join(folder, "pytorch_model.bin");
  await synth("--seed", "7");
  const first = await readFile(path);
  const refused = await synth("--seed", "8");
  expect(refused.exitCode).toBe(1);
  expect(refused.err).toMatch(/pytorch_model\.bin, config\.json found; name another, or overwrite with --force\n$/);
  expect((await readFile(path)).equals(first)).toBe(true);
  await synth("--seed", "8", "--force");
  expect((await readFile(path)).equals(first)).toBe(false);
  await synth("--seed", "7", "--force");
  expect((await readFile(path)).equals(first)).toBe(true);
});

test("safetensors beside a pytorch_model.bin would not be read, and are not written", async () => {
  await synth();
  const { exitCode, err } = await synth("--format", "safetensors", "--force");
  expect(exitCode).toBe(1);
  expect(err).toContain("pytorch_model.bin found, which would be loaded in its place");
});

test("a pytorch_model.bin takes the place of safetensors, with --force", async () => {
  await synth("--format", "safetensors");
  expect((await synth()).exitCode).toBe(1);
  expect((await synth("--force")).exitCode).toBe(0);
  expect((await readdir(folder)).sort()).toEqual(["config.json", "pytorch_model.bin"]);
});

test("an interruption leaves nothing behind", async () => {
  const io = fakeIo();
  const library = {
    ...realLibrary,
    synthModel: (...[to, options]: Parameters<typeof realLibrary.synthModel>) =>
      realLibrary.synthModel(to, { ...options, onProgress: () => io.stop(INTERRUPTED) }),
  };
  expect(await run(["synth", join(folder, "deep"), "--preset", "storyteller"], io, library)).toBe(130);
  expect(io.err()).toBe("");
  expect(await readdir(parent)).toEqual([]);
});
