/**
 * `blackmamba convert` with the real library, in this process: files that appear, files that are kept, and nothing left
 * over. As a process of its own it is tested in `cli.node.test.ts`.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackMamba, describeModel } from "@blackmamba/model";
import { modelFolder as storyteller } from "@blackmamba/storyteller";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { realLibrary } from "./real-library.ts";
import { run } from "./run.ts";
import { fakeIo, INTERRUPTED } from "./testing/fake-io.ts";
import { createModelFolder } from "./testing/model-folder.ts";

let parent: string;
/** A model, and a folder that is not there yet. */
let source: string;
let target: string;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "blackmamba-convert-"));
});
beforeEach(async () => {
  source = await createModelFolder(join(parent, crypto.randomUUID()));
  target = join(parent, crypto.randomUUID());
});
afterAll(() => rm(parent, { recursive: true, force: true }));

async function blackmamba(args: readonly string[], io = fakeIo()) {
  const exitCode = await run(args, io, realLibrary);
  return { exitCode, out: io.out(), err: io.err() };
}

const convert = (...args: string[]) => blackmamba(["convert", ...args]);

async function logits(folder: string, quantize?: "q8_0" | "q4_0"): Promise<Float32Array> {
  const model = await BlackMamba.load(folder, { device: "cpu", quantize });
  const result = await model.logits([1, 2, 3, 5, 8, 13]);
  await model.dispose();
  return result;
}

/** Expects a refusal of one line, with nothing written. */
async function expectRefusal(args: string[], message: RegExp): Promise<void> {
  const before = await tree(parent);
  const { exitCode, out, err } = await convert(...args);
  expect(err).toMatch(/^blackmamba: .*\n$/);
  expect(err).toMatch(message);
  expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
  expect(await tree(parent)).toEqual(before);
}

async function tree(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

describe.each(["q8_0", "q4_0"] as const)("--quantize %s", (quantize) => {
  test("writes a model that computes what the source does when it is quantised while it loads", async () => {
    const { exitCode, out, err } = await convert(source, target, "--quantize", quantize);
    expect(err).toMatch(
      new RegExp(`^wrote .*/model\\.safetensors: .* kB, \\d+ ${quantize}, \\d+ bf16, in \\d+ ms\\n$`),
    );
    expect({ exitCode, out }).toEqual({ exitCode: 0, out: "" });
    expect(await tree(target)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    for (const file of ["config.json", "tokenizer.json"]) {
      expect(await readFile(join(target, file))).toEqual(await readFile(join(source, file)));
    }
    expect(await logits(target)).toEqual(await logits(source, quantize));
    expect(await logits(target)).not.toEqual(await logits(source));
  });
});

test("--format gguf writes a model that computes the same, with nothing but its file", async () => {
  expect((await convert(source, target, "--format", "gguf")).err).toMatch(/^wrote .*model\.gguf: /);
  expect(await tree(target)).toEqual(["config.json", "model.gguf", "tokenizer.json"]);
  expect(await logits(target)).toEqual(await logits(source));
  expect(await logits(join(target, "model.gguf"))).toEqual(await logits(source));
  await expectRefusal([source, target, "--format", "gguf"], /model\.gguf, config\.json, tokenizer\.json found/);
  await expectRefusal(
    [source, source, "--format", "gguf"],
    /pytorch_model\.bin found, which would be loaded in its place/,
  );
  await writeFile(join(target, "other.gguf"), "");
  await expectRefusal([source, target, "--format", "gguf", "--force"], /other\.gguf found/);
});

test("a GGUF file becomes another one, and no safetensors file", async () => {
  const again = join(parent, crypto.randomUUID());
  await convert(source, target, "--format", "gguf");
  const file = join(target, "model.gguf");
  expect((await convert(file, again, "--format", "gguf", "--quantize", "q8_0")).exitCode).toBe(0);
  expect(await tree(again)).toEqual(["config.json", "model.gguf", "tokenizer.json"]);
  expect(await logits(again)).toEqual(await logits(source, "q8_0"));
  await expectRefusal([file, join(parent, "none")], /found a GGUF file, which has none; convert it to the format gguf/);
});

test("without --quantize the model computes the same", async () => {
  expect((await convert(source, target)).exitCode).toBe(0);
  expect(await logits(target)).toEqual(await logits(source));
});

describe("--dtype", () => {
  const dtypesOf = async (folder: string) => (await describeModel(folder)).dtypes;

  test("f32 and back to bf16 loses no bit", async () => {
    const wide = join(parent, crypto.randomUUID());
    expect((await convert(source, wide, "--dtype", "f32")).err).toMatch(/, 61 f32, in /);
    expect(await dtypesOf(wide)).toEqual({ f32: 61 });
    expect(await logits(wide)).toEqual(await logits(source));
    await convert(wide, target, "--dtype", "bf16");
    await convert(source, join(target, "as-it-was"));
    const file = "model.safetensors";
    expect((await readFile(join(target, file))).equals(await readFile(join(target, "as-it-was", file)))).toBe(true);
  });

  test("with --quantize it is of what is not quantised", async () => {
    await convert(source, target, "--dtype", "f16", "--quantize", "q8_0");
    const { q8_0, ...others } = await dtypesOf(target);
    expect(q8_0).toBeGreaterThan(10);
    expect(others).toEqual({ f16: 61 - q8_0! });
  });

  test("in GGUF vectors stay in f32", async () => {
    await convert(source, target, "--dtype", "f16", "--format", "gguf");
    const { f16, f32, ...others } = await dtypesOf(join(target, "model.gguf"));
    expect([f16! > 10, f32! > 10, others]).toEqual([true, true, {}]);
  });
});

describe("--shard-size", () => {
  test("writes several files and their index, which compute the same", async () => {
    const { exitCode, err } = await convert(source, target, "--shard-size", "500kB");
    expect(exitCode).toBe(0);
    expect(err).toMatch(/^wrote .*model\.safetensors\.index\.json and 3 files: 1\.2 MB, 61 bf16, in /);
    const shards = [1, 2, 3].map((number) => `model-0000${number}-of-00003.safetensors`);
    expect(await tree(target)).toEqual(
      ["config.json", ...shards, "model.safetensors.index.json", "tokenizer.json"].sort(),
    );
    expect(await logits(target)).toEqual(await logits(source));
    await expectRefusal(
      [source, target],
      /model\.safetensors\.index\.json, model-00001-of-00003\.safetensors, .* found/,
    );
    // One file takes the place of all.
    expect((await convert(source, target, "--quantize", "q8_0", "--force")).exitCode).toBe(0);
    expect(await tree(target)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(await logits(target)).toEqual(await logits(source, "q8_0"));
    // And the other way round, from the folder itself.
    expect((await convert(target, target, "--shard-size", "0.3MB", "--force")).exitCode).toBe(0);
    expect(await tree(target)).not.toContain("model.safetensors");
    expect(await logits(target)).toEqual(await logits(source, "q8_0"));
  });

  test("a size that all fits into makes the one file", async () => {
    await convert(source, target, "--shard-size", "2GB");
    expect(await tree(target)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  });
});

test("takes the weights' file, with the other files beside it, and makes folders within folders", async () => {
  const deep = join(target, "within", "folders");
  const { exitCode } = await convert(join(source, "pytorch_model.bin"), deep, "--quantize", "q8_0");
  expect(exitCode).toBe(0);
  expect(await tree(deep)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect(await logits(deep)).toEqual(await logits(source, "q8_0"));
});

test("the shipped storyteller comes out as it is, and generates in 4 bit", async () => {
  // It is in 8 bit already: the same tensors, and so the same file.
  expect((await convert(storyteller, target, "--quantize", "q8_0")).exitCode).toBe(0);
  for (const file of ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]) {
    const [found, expected] = [await readFile(join(target, file)), await readFile(join(storyteller, file))];
    expect(found.equals(expected), file).toBe(true);
  }
  const args = ["The dog was", "--device", "cpu", "--max-tokens", "4", "--json"];
  const small = await blackmamba(["generate", ...args, "--quantize", "q4_0"]);
  expect(small.exitCode).toBe(0);
  expect(small.err).toMatch(/\nloaded 14\.\d MB in /);
  expect((await convert(storyteller, target, "--quantize", "q4_0", "--force")).exitCode).toBe(0);
  const file = await blackmamba(["generate", ...args, "--model", target]);
  expect(JSON.parse(file.out).ids).toEqual(JSON.parse(small.out).ids);
});

describe("what is there already", () => {
  test("is not overwritten, except with --force", async () => {
    await convert(source, target, "--quantize", "q4_0");
    const before = await readFile(join(target, "model.safetensors"));
    await expectRefusal(
      [source, target, "--quantize", "q8_0"],
      /: a folder without a model expected, model\.safetensors, config\.json, tokenizer\.json found; name another, or overwrite with --force$/m,
    );
    expect(await readFile(join(target, "model.safetensors"))).toEqual(before);
    expect((await convert(source, target, "--quantize", "q8_0", "--force")).exitCode).toBe(0);
    expect(await logits(target)).toEqual(await logits(source, "q8_0"));
  });

  test("may be another's", async () => {
    await mkdir(target);
    await writeFile(join(target, "notes.txt"), "keep me");
    expect((await convert(source, target)).exitCode).toBe(0);
    expect(await readFile(join(target, "notes.txt"), "utf8")).toBe("keep me");
  });

  test("is converted in its place with --force", async () => {
    await convert(source, target);
    expect((await convert(target, target, "--quantize", "q4_0", "--force")).exitCode).toBe(0);
    expect(await logits(target)).toEqual(await logits(source, "q4_0"));
    expect(await tree(target)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  });

  test("must not hide what is written, not even with --force", async () => {
    await expectRefusal([source, source, "--force"], /pytorch_model\.bin found, which would be loaded in its place/);
  });

  test("may be a file, or in one", async () => {
    const file = join(parent, crypto.randomUUID());
    await writeFile(file, "");
    await expectRefusal([source, file], /: a folder expected, found a file; name another folder$/m);
    await expectRefusal(
      [source, join(file, "within")],
      /within: a folder expected, found a file; name another folder$/m,
    );
  });
});

describe("a source that cannot be converted leaves nothing behind, and the target as it was", () => {
  test("no such folder", () =>
    expectRefusal(["nowhere", join(target, "deep")], /^blackmamba: nowhere: no such folder/));

  test("no config.json beside the file", async () => {
    await rm(join(source, "config.json"));
    await expectRefusal([join(source, "pytorch_model.bin"), target], /config\.json is missing: expected config\.json/);
  });

  test("truncated weights", async () => {
    await convert(source, target, "--quantize", "q8_0");
    const before = await readFile(join(target, "model.safetensors"));
    await truncate(join(source, "pytorch_model.bin"), 600_000);
    await expectRefusal([source, target, "--force"], /pytorch_model\.bin: .*truncated/);
    expect(await readFile(join(target, "model.safetensors"))).toEqual(before);
  });

  test("a number that f16 cannot hold, found out while it is written", async () => {
    const path = join(source, "pytorch_model.bin");
    const bytes = await readFile(path);
    // 2 to the power of 100 in bf16.
    bytes.writeUInt16LE(0x7180, await findData(bytes));
    await writeFile(path, bytes);
    const message = /embedding.*: element 0 is 1\.26.*e\+30, which f16 cannot hold \(its largest is 65504\); take bf16/;
    await expectRefusal([source, target, "--dtype", "f16"], message);
    await expectRefusal([source, target, "--dtype", "f16", "--shard-size", "100kB"], message);
  });

  test("a tensor with infinity in it, found out while it is quantised", async () => {
    const path = join(source, "pytorch_model.bin");
    const bytes = await readFile(path);
    // The embedding's storage is all numbers: infinity in bf16, in a place of its own.
    const at = await findData(bytes);
    bytes.writeUInt16LE(0x7f80, at);
    await writeFile(path, bytes);
    await expectRefusal([source, target, "--quantize", "q4_0"], /magnitude is Infinity, .*keep it as it is/);
  });

  /** The first byte of the largest stored entry of the zip. */
  async function findData(bytes: Buffer): Promise<number> {
    let largest = { at: 0, byteLength: 0 };
    for (
      let at = bytes.indexOf("PK\u0001\u0002", 0, "latin1");
      at >= 0;
      at = bytes.indexOf("PK\u0001\u0002", at + 1, "latin1")
    ) {
      const byteLength = bytes.readUInt32LE(at + 20);
      const header = bytes.readUInt32LE(at + 42);
      const start = header + 30 + bytes.readUInt16LE(header + 26) + bytes.readUInt16LE(header + 28);
      if (byteLength > largest.byteLength && byteLength < bytes.length) largest = { at: start, byteLength };
    }
    return largest.at;
  }

  test("an interruption", async () => {
    const before = await tree(parent);
    const io = fakeIo();
    const library = {
      ...realLibrary,
      convertModel: (...[from, to, options]: Parameters<typeof realLibrary.convertModel>) =>
        realLibrary.convertModel(from, to, { ...options, onProgress: () => io.stop(INTERRUPTED) }),
    };
    const args = ["convert", source, join(target, "deep"), "--quantize", "q8_0"];
    expect(await run(args, io, library)).toBe(130);
    expect(io.err()).toBe("");
    expect(await tree(parent)).toEqual(before);
  });
});
