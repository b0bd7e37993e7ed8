/**
 * Every mistake that a model's folder can contain, and what the command says about it: one line that names the file, what
 * was expected, what was found and the cure. With the real library, in this process; as a process of its own it is
 * tested in `cli.node.test.ts`.
 */
import { mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BlackMamba } from "@blackmamba/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { realLibrary } from "./real-library.ts";
import { run } from "./run.ts";
import { fakeIo } from "./testing/fake-io.ts";
import { changeConfig, createModelFolder, overwriteInWeights } from "./testing/model-folder.ts";

let parent: string;
const warnings: string[] = [];
const onWarning = ({ message }: Error) => void warnings.push(message);

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "blackmamba-bad-input-"));
  process.on("warning", onWarning);
});
afterAll(async () => {
  process.off("warning", onWarning);
  await rm(parent, { recursive: true, force: true });
});

async function blackmamba(...args: string[]) {
  const io = fakeIo();
  const exitCode = await run(args, io, realLibrary);
  return { exitCode, out: io.out(), err: io.err() };
}

const generate = (folder: string) =>
  blackmamba("generate", "Hi", "--device", "cpu", "--max-tokens", "1", "--model", folder);

/** Makes a model, damages it, and expects both commands to refuse it with that line, after the folder's path. */
async function expectRefusal(damage: (folder: string) => Promise<unknown>, line: string | RegExp): Promise<void> {
  const folder = await createModelFolder(join(parent, crypto.randomUUID()));
  await damage(folder);
  const { exitCode, out, err } = await generate(folder);
  const message = `blackmamba: ${folder}`;
  expect(err.startsWith(`device cpu: as asked for\n${message}`)).toBe(true);
  const said = err.trimEnd().split("\n")[1]!.slice(message.length);
  typeof line === "string" ? expect(said).toBe(line) : expect(said).toMatch(line);
  // Nothing follows, and nothing else was said.
  expect(err.trimEnd().split("\n")).toHaveLength(2);
  expect(out).toBe("");
  expect(exitCode).toBe(1);
  expect(await blackmamba("info", "--model", folder)).toEqual({ exitCode: 1, out: "", err: `${message}${said}\n` });
}

test("the model as it is works, with a slash at the end of its folder too", async () => {
  const folder = await createModelFolder(join(parent, "whole"));
  expect((await generate(folder)).exitCode).toBe(0);
  expect((await generate(`${folder}/`)).exitCode).toBe(0);
});

describe("files that are not there", () => {
  test("no such folder", async () => {
    const line = "blackmamba: nowhere: no such folder; give the path of a folder that holds the model's files\n";
    expect(await generate("nowhere")).toMatchObject({ exitCode: 1, err: `device cpu: as asked for\n${line}` });
    expect(await blackmamba("info", "--model", "nowhere")).toEqual({ exitCode: 1, out: "", err: line });
  });

  test("a file in place of the folder", async () => {
    const file = join(parent, "file");
    await writeFile(file, "");
    const { exitCode, err } = await generate(file);
    expect(exitCode).toBe(1);
    expect(err).toContain(`blackmamba: ${file}: config.json is missing: expected config.json, found `);
  });

  test("no tokenizer.json: said before anything is loaded, and no obstacle to info", async () => {
    const folder = await createModelFolder(join(parent, "no-tokenizer"));
    await rm(join(folder, "tokenizer.json"));
    const { exitCode, out, err } = await generate(folder);
    expect(err).toMatch(/^blackmamba: .*no-tokenizer: tokenizer\.json is missing, .*; put the one .* into this folder/);
    expect(err.trimEnd()).not.toContain("\n");
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: "" });
    expect((await blackmamba("info", "--model", folder)).out).toMatch(/^tokenizer +none/m);
  });

  const remove = (file: string) => (folder: string) => rm(join(folder, file));

  test.each<[string, (folder: string) => Promise<unknown>, string | RegExp]>([
    [
      "no config.json",
      remove("config.json"),
      ": config.json is missing: expected config.json, found pytorch_model.bin, tokenizer.json; " +
        "give the folder that holds the model's files",
    ],
    [
      "no weights",
      remove("pytorch_model.bin"),
      ": the weights' file is missing: expected pytorch_model.bin or model.safetensors or model.safetensors.index.json or pytorch_model.bin.index.json, found config.json, " +
        "tokenizer.json; give the folder that holds the model's files",
    ],
    [
      "a folder in place of a file",
      async (folder) => {
        await rm(join(folder, "pytorch_model.bin"));
        await mkdir(join(folder, "pytorch_model.bin"));
      },
      "/pytorch_model.bin: a file expected, a folder found; give the path of a file",
    ],
    [
      "a link that leads nowhere",
      async (folder) => {
        await rm(join(folder, "pytorch_model.bin"));
        await symlink("gone", join(folder, "pytorch_model.bin"));
      },
      "/pytorch_model.bin: no such file; give the path of a file that may be read",
    ],
  ])("%s", async (_, damage, line) => expectRefusal(damage, line));
});

describe("config.json", () => {
  test.each<[string, string]>([
    ["", "expected JSON"],
    ['{"hidden_size": 64,', "expected JSON"],
    ["[1]", "expected a JSON object, found [1]"],
  ])("that is %j", async (text, words) => {
    await expectRefusal(
      (folder) => writeFile(join(folder, "config.json"), text),
      new RegExp(`^/config\\.json: ${words.replaceAll(/[[\]]/g, "\\$&")}`),
    );
  });

  test.each<[object, RegExp]>([
    [{ hidden_size: "64" }, /hidden_size: expected a whole number from 1 to 16777216, found "64"/],
    [{ hidden_size: undefined }, /hidden_size: expected a whole number from 1 to 16777216, found nothing/],
    [{ conv_dimension: 0 }, /conv_dimension: expected .* found 0/],
    [{ expansion_factor: 2.5 }, /expansion_factor: expected .* found 2\.5/],
    [{ swiglu: "yes" }, /swiglu: expected true or false, found "yes"/],
    [{ routing_mode: "top2" }, /routing_mode: expected "sinkhorn" or "top1", found "top2"/],
    [{ mamba_moe_layers: undefined }, /mamba_moe_layers is missing/],
    [{ mamba_moe_layers: ["r", "x"] }, /mamba_moe_layers\[1\]: expected .*, found "x"/],
    [{ num_layers: 99 }, /num_layers is 99, but mamba_moe_layers has 4 entries/],
  ])("with %j", async (changes, words) => {
    await expectRefusal((folder) => changeConfig(folder, changes), new RegExp(`^/config\\.json: ${words.source}`));
  });
});

describe("tokenizer files", () => {
  test.each([
    ["tokenizer.json", "", /expected JSON, found .*; mend it, or download it again/],
    ["tokenizer.json", "{}", /expected "model" to be an object, found nothing/],
    ["tokenizer_config.json", '{"add_bos_token": true, "bos_token": "<s>"}', /"bos_token" is "<s>", which is not in/],
  ])("%s: %s", async (file, text, words) => {
    await expectRefusal(
      (folder) => writeFile(join(folder, file), text),
      new RegExp(`^/${file.replace(".", "\\.")}: ${words.source}`),
    );
  });
});

describe("tensors", () => {
  test.each<[string, (folder: string) => Promise<unknown>, RegExp]>([
    [
      "one is missing",
      (folder) => overwriteInWeights(folder, "decoder.final_layernorm.weight", "decoder.final_layernorm.weighs"),
      /there is no tensor "decoder\.final_layernorm\.weight" among its 61 .*check that the file belongs to this model/,
    ],
    [
      "some are unexpected",
      (folder) => changeConfig(folder, { num_layers: 3, mamba_moe_layers: ["r", "8", "r"] }),
      /tensor decoder\.layers\.3\..*unexpected.*do config\.json and the weights belong together/,
    ],
    [
      "one has the wrong shape",
      (folder) => changeConfig(folder, { vocab_size: 100 }),
      /tensor embedding\.word_embeddings\.weight .*configuration asks for \[100, 64\], the file has \[512, 64\]/,
    ],
  ])("%s", async (_, damage, words) => {
    await expectRefusal(damage, new RegExp(`^/pytorch_model\\.bin: .*${words.source}`));
  });
});

describe("weights", () => {
  const cut = (byteLength: number) => (folder: string) => truncate(join(folder, "pytorch_model.bin"), byteLength);

  test("that are empty", () =>
    expectRefusal(cut(0), "/pytorch_model.bin: the file is empty (0 bytes); download or copy it again"));

  test.each([1, 3, 30, 20_000, 600_000, 1_202_408, 1_202_429])("cut off after %i bytes", (byteLength) =>
    expectRefusal(cut(byteLength), /^\/pytorch_model\.bin: .*; the file is truncated: download or copy it again$/),
  );

  test.each([7, 100, 40_000])("in safetensors, cut off after %i bytes", (byteLength) =>
    expectRefusal(async (folder) => {
      const whole = fileURLToPath(new URL("../../../packages/storyteller/model/model.safetensors", import.meta.url));
      const file = await open(whole);
      const { buffer } = await file.read(Buffer.alloc(byteLength), 0, byteLength, 0);
      await file.close();
      await writeFile(join(folder, "model.safetensors"), buffer);
      await rm(join(folder, "pytorch_model.bin"));
    }, /^\/model\.safetensors: .*; the file is truncated: download or copy it again$/),
  );

  const replace = (text: string) => (folder: string) => writeFile(join(folder, "pytorch_model.bin"), text);

  test.each([
    [
      "no zip",
      "hello, this is no zip",
      /a torch \.bin .* expected, bytes 68 65 .* found; give such a file, or download/,
    ],
    ["a git-lfs pointer", "version https://git-lfs.github.com/spec/v1\n", /git-lfs pointer.*; fetch the file with/],
    ["a web page", "<!DOCTYPE html>", /web page.*; download it again/],
  ])("that are %s", (_, text, words) =>
    expectRefusal(replace(text), new RegExp(`^/pytorch_model\\.bin: .*${words.source}`)),
  );

  test("whose pickle imports os.system: refused by name, and never run", () =>
    expectRefusal(
      (folder) => overwriteInWeights(folder, "ctorch._utils\n_rebuild_tensor_v2\n", "cos\nsystem\n"),
      /^\/pytorch_model\.bin: the pickle asks for "os\.system", which is refused; .*Nothing was run/,
    ));
});

describe("token ids that the vocabulary does not have", () => {
  test.each([99_999, -1, 1.5])("%d", async (id) => {
    const model = await BlackMamba.load(await createModelFolder(join(parent, crypto.randomUUID())), { device: "cpu" });
    const error = {
      code: "ERR_PROMPT",
      message:
        `token id ${id} at position 1 is out of range: this model's ids are 0 to 511; ` +
        "encode the text with the model's own tokenizer",
    };
    await expect(model.logits([0, id])).rejects.toMatchObject(error);
    await expect(model.generate([0, id]).next()).rejects.toMatchObject(error);
    await model.dispose();
  });
});

// The last test: the ones before it opened the files.
test("no file stays open", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  for (let round = 0; round < 3; round += 1) {
    collectGarbage();
    await setTimeout(50);
  }
  expect(warnings).toEqual([]);
});
