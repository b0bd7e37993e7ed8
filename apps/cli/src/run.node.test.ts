import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "./run.ts";
import { fakeIo, INTERRUPTED, OUTPUT_CLOSED } from "./testing/fake-io.ts";
import { DESCRIPTION, DEVICES, fakeLibrary, REPORT, STORY } from "./testing/fake-library.ts";

/** An error as the library throws them. */
const coded = (code: string, message: string) => Object.assign(new Error(message), { code });

async function blackmamba(args: string[], io = fakeIo(), library = fakeLibrary()) {
  const exitCode = await run(args, io, library);
  return { exitCode, out: io.out(), err: io.err(), errLines: io.err().split("\n").slice(0, -1), library };
}

describe("generate", () => {
  test("writes prompt and continuation to stdout, and everything else to stderr, the device first", async () => {
    const { exitCode, out, errLines, library } = await blackmamba(["generate", "Once", "--max-tokens", "3"]);
    expect(exitCode).toBe(0);
    expect(out).toBe("Once, there was a snake\n");
    expect(errLines[0]).toBe("device cpu: there is no WebGPU adapter");
    expect(errLines[1]).toMatch(/^loaded 26\.0 MB in \d+ ms$/);
    expect(errLines[2]).toMatch(/^3 tokens in \d+ ms, the first after \d+ ms, then [\d.]+ tok\/s$/);
    expect(errLines).toHaveLength(3);
    expect(library.disposed).toEqual(["model", "device"]);
  });

  test("ends the last line once", async () => {
    const { out } = await blackmamba(["generate", "Once"], fakeIo(), fakeLibrary({ pieces: STORY }));
    expect(out).toBe("Once, there was a snake.\n");
  });

  test("of a model that has nothing to add is the prompt", async () => {
    const { exitCode, out, errLines } = await blackmamba(["generate", "Once"], fakeIo(), fakeLibrary({ pieces: [] }));
    expect(exitCode).toBe(0);
    expect(out).toBe("Once\n");
    expect(errLines.at(-1)).toMatch(/^0 tokens in \d+ ms$/);
  });

  test("passes on what the user said, and nothing else", async () => {
    const plain = await blackmamba(["generate"]);
    expect(plain.library.calls.map(({ name }) => name)).toEqual(["selectDevice", "load", "generate"]);
    expect(plain.library.calls[0]!.arguments).toEqual(["auto"]);
    expect(plain.library.calls[1]!.arguments).toEqual(["/models/storyteller"]);
    expect(plain.library.calls[2]!.arguments).toEqual([
      "Once upon a time",
      { maxTokens: 200, signal: expect.anything() },
    ]);

    const small = await blackmamba(["generate", "--quantize", "q4_0"]);
    expect(small.library.calls[1]!.arguments).toEqual(["/models/storyteller", "q4_0"]);
    const kept = await blackmamba(["generate", "--quantize", "none"]);
    expect(kept.library.calls[1]!.arguments).toEqual(["/models/storyteller"]);

    const sampling = ["--temperature", "0.5", "--top-k", "40", "--top-p", "0.9", "--seed", "7", "--max-tokens", "9"];
    sampling.push("--min-p", "0.1", "--repetition-penalty", "1.2", "--stop", "\n\n", "--stop=--");
    sampling.push("--typical-p", "0.8", "--frequency-penalty", "-0.5", "--presence-penalty", "0.25");
    sampling.push("--logit-bias", "5:-100", "--logit-bias", "6:-Infinity", "--min-tokens", "4");
    sampling.push("--stop-id", "3", "--stop-id", "4");
    const full = await blackmamba(["generate", "A", "--device", "webgpu", "--model", "m", ...sampling]);
    expect(full.library.calls.map(({ arguments: values }) => values)).toEqual([
      ["webgpu"],
      ["m"],
      [
        "A",
        {
          maxTokens: 9,
          temperature: 0.5,
          topK: 40,
          topP: 0.9,
          minP: 0.1,
          repetitionPenalty: 1.2,
          typicalP: 0.8,
          frequencyPenalty: -0.5,
          presencePenalty: 0.25,
          logitBias: { 5: -100, 6: Number.NEGATIVE_INFINITY },
          minTokens: 4,
          seed: 7,
          stop: ["\n\n", "--"],
          stopIds: [3, 4],
          signal: expect.anything(),
        },
      ],
    ]);
  });

  test.each([
    ["The dog was\n", "The dog was"],
    ["The dog was\r\n", "The dog was"],
    ["two\n\n", "two\n"],
    ["", ""],
    ["naïve 🐍", "naïve 🐍"],
  ])("reads the prompt %j from stdin", async (input, prompt) => {
    const { library, exitCode } = await blackmamba(["generate", "-"], fakeIo({ input }));
    expect(exitCode).toBe(0);
    expect(library.calls.at(-1)!.arguments[0]).toBe(prompt);
  });

  test("refuses a prompt from stdin that is no text", async () => {
    const { exitCode, err } = await blackmamba(["generate", "-"], fakeIo({ input: Uint8Array.of(0x61, 0xff) }));
    expect(exitCode).toBe(1);
    expect(err).toBe(
      "blackmamba: standard input: expected UTF-8 text, found other bytes (2 in all); convert it with iconv\n",
    );
  });

  test("takes a prompt that looks like an option after --", async () => {
    const { library } = await blackmamba(["generate", "--", "--seed"]);
    expect(library.calls.at(-1)!.arguments[0]).toBe("--seed");
  });

  test("--json prints one object at the end, and no text", async () => {
    const { exitCode, out, errLines } = await blackmamba(["generate", "Once upon", "--json", "--max-tokens", "2"]);
    expect(exitCode).toBe(0);
    expect(out.trimEnd()).not.toContain("\n");
    expect(JSON.parse(out)).toEqual({
      prompt: "Once upon",
      text: ", there was",
      ids: [0, 1],
      promptTokens: 2,
      tokens: 2,
      finishReason: "length",
      firstTokenMs: expect.any(Number),
      durationMs: expect.any(Number),
      tokensPerSecond: expect.any(Number),
      device: { kind: "cpu", name: "CPU", software: true, reason: "cpu: there is no WebGPU adapter" },
      model: "/models/storyteller",
    });
    expect(errLines).toHaveLength(3);
  });

  test("--json tells a text that ended from one that was cut", async () => {
    const { out } = await blackmamba(["generate", "--json"], fakeIo(), fakeLibrary({ pieces: STORY }));
    expect(JSON.parse(out)).toMatchObject({ finishReason: "stop", tokens: 4 });
  });

  test("--json with --logprobs tells how likely each token was, and others, with their texts", async () => {
    const { out, library } = await blackmamba(["generate", "--json", "--logprobs", "2", "--max-tokens", "2"]);
    expect(library.calls.at(-1)!.arguments[1]).toMatchObject({ logprobs: 2 });
    const topLogprobs = [
      { id: 0, text: ", there", logprob: -1 },
      { id: 1, text: " was", logprob: -2 },
    ];
    expect(JSON.parse(out).logprobs).toEqual([
      { id: 0, text: ", there", logprob: -0.5, topLogprobs },
      { id: 1, text: " was", logprob: -0.5, topLogprobs },
    ]);
    const none = await blackmamba(["generate", "--json", "--logprobs", "0", "--max-tokens", "1"]);
    expect(JSON.parse(none.out).logprobs).toEqual([{ id: 0, text: ", there", logprob: -0.5, topLogprobs: [] }]);
  });

  test.each([
    [["--logprobs", "2"], "--logprobs: expected --json beside it, as text has no place for them, found none"],
    [["--max-tokens", "5", "--min-tokens", "6"], "--min-tokens: expected at most --max-tokens, 5, found 6"],
    [
      ["-n", "2", "--save-state", "s"],
      "--samples: expected no --save-state, as a state goes along with one text, found both",
    ],
    [
      ["-n", "2", "--load-state", "s"],
      "--samples: expected no --load-state, as a state goes along with one text, found both",
    ],
    [["--samples", "0"], '--samples: expected a whole number from 1 to 10000000, found "0"'],
    [["--save-state", "--json"], '--save-state: expected a file, found "--json"'],
  ])("refuses %j before anything is loaded", async (args, message) => {
    const { exitCode, err, library } = await blackmamba(["generate", ...args]);
    expect([exitCode, err]).toEqual([2, `blackmamba: ${message}; see blackmamba generate --help\n`]);
    expect(library.calls).toEqual([]);
  });

  test("shows a bar while loading only to a terminal, and removes it", async () => {
    const { err } = await blackmamba(["generate"], fakeIo({ isTTY: true }));
    expect(err.startsWith("device ")).toBe(true);
    expect(err).toContain("% of 26.0 MB");
    expect((await blackmamba(["generate"])).err).not.toContain("%");
  });

  test("the line about the device is one line", async () => {
    const library = fakeLibrary({ deviceReason: "cpu: the driver said\n  no" });
    expect((await blackmamba(["generate"], fakeIo(), library)).errLines[0]).toBe("device cpu: the driver said no");
  });
});

describe("generate --samples", () => {
  const twice = ["generate", "Once", "-n", "2", "--max-tokens", "3"];

  test("shows each text under its number, at the end", async () => {
    const { exitCode, out, errLines, library } = await blackmamba(twice);
    expect(exitCode).toBe(0);
    expect(out).toBe("[1 of 2]\nOnce, there was a snake\n\n[2 of 2]\nOnce, there was a snake\n");
    expect(errLines[2]).toMatch(/^6 tokens in \d+ ms, /);
    const options = { maxTokens: 3, n: 2, temperature: 1, signal: expect.anything() };
    expect(library.calls.at(-1)!.arguments).toEqual([["Once"], options]);
    expect(library.disposed).toEqual(["model", "device"]);
  });

  test("of a model that ends its texts with a line end", async () => {
    const { out } = await blackmamba(["generate", "Once", "-n", "2"], fakeIo(), fakeLibrary({ pieces: STORY }));
    expect(out).toBe("[1 of 2]\nOnce, there was a snake.\n\n[2 of 2]\nOnce, there was a snake.\n");
  });

  test("leaves the temperature to the library where it makes no difference, and to the user", async () => {
    const temperatureOf = async (...args: string[]) =>
      (await blackmamba(["generate", "--max-tokens", "1", ...args])).library.calls.at(-1)!.arguments[1];
    expect(await temperatureOf("-n", "1")).toEqual({ maxTokens: 1, n: 1, signal: expect.anything() });
    expect(await temperatureOf("-n", "2", "--temperature", "0")).toMatchObject({ temperature: 0 });
  });

  test("--json has them in an array", async () => {
    const library = fakeLibrary({ pieces: STORY });
    const { out } = await blackmamba([...twice.slice(0, -2), "--json", "--logprobs", "0"], fakeIo(), library);
    const text = { text: ", there was a snake.\n", ids: [0, 1, 2, 3], tokens: 4, finishReason: "stop" };
    const logprobs = STORY.map((own, id) => ({ id, text: own, logprob: -0.5, topLogprobs: [] }));
    expect(JSON.parse(out)).toEqual({
      prompt: "Once",
      samples: [
        { ...text, logprobs },
        { ...text, logprobs },
      ],
      promptTokens: 1,
      tokens: 8,
      firstTokenMs: expect.any(Number),
      durationMs: expect.any(Number),
      tokensPerSecond: expect.any(Number),
      device: { kind: "cpu", name: "CPU", software: true, reason: "cpu: there is no WebGPU adapter" },
      model: "/models/storyteller",
    });
  });

  test("shows a bar meanwhile only to a terminal, and removes it", async () => {
    expect((await blackmamba(twice, fakeIo({ isTTY: true }))).err).toMatch(/writing .*% of 6 tokens/);
    expect((await blackmamba(twice)).err).not.toContain("%");
  });

  test("a failure shows what there was, and Ctrl-C before the first token nothing", async () => {
    const failing = fakeLibrary({ errors: { advance: coded("ERR_DEVICE_LOST", "the device is gone") } });
    const failed = await blackmamba(twice, fakeIo(), failing);
    expect([failed.exitCode, failed.out]).toEqual([1, "[1 of 2]\nOnce, there\n\n[2 of 2]\nOnce, there\n"]);
    const io = fakeIo();
    setTimeout(() => io.stop(INTERRUPTED), 10);
    expect(await blackmamba(twice, io, fakeLibrary({ hangs: "generate" }))).toMatchObject({ exitCode: 130, out: "" });
    const other = fakeIo();
    setTimeout(() => other.stop(INTERRUPTED), 10);
    const { out } = await blackmamba([...twice, "--json"], other, fakeLibrary({ hangs: "generate" }));
    const nothing = { text: "", ids: [], tokens: 0, finishReason: "interrupted" };
    expect(JSON.parse(out).samples).toEqual([nothing, nothing]);
  });
});

describe("generate with a state in a file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "blackmamba-state-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const contents = () => readFile(join(folder, "s"), "utf8");
  const three = (...args: string[]) => ["generate", ...args, "--max-tokens", "3"];

  test("is saved at the end, and gone on from without a prompt", async () => {
    const path = join(folder, "s");
    const saved = await blackmamba(three("Once upon", "--save-state", path));
    expect(saved.exitCode).toBe(0);
    expect(await contents()).toBe("5");
    expect(saved.errLines[2]).toBe(`saved the state after 5 tokens in ${path}: 1 bytes`);
    expect(saved.library.calls.at(-1)!.arguments[1]).toMatchObject({ state: 0 });
    const loaded = await blackmamba(three("--load-state", path, "--json"));
    expect(loaded.library.calls.at(-1)!.arguments).toMatchObject(["", { state: 5 }]);
    expect(JSON.parse(loaded.out)).toMatchObject({ prompt: "", promptTokens: 0, tokens: 3 });
    const both = await blackmamba(three("a b c", "--load-state", path, "--save-state", path, "--force"));
    expect(both.out).toBe("a b c, there was a snake\n");
    expect(await contents()).toBe("11");
    expect(await readdir(folder)).toEqual(["s"]);
  });

  test("is saved after Ctrl-C, and where the reader goes away or the model fails, to the token that was shown", async () => {
    const path = join(folder, "s");
    const stops = [INTERRUPTED, OUTPUT_CLOSED].map((reason) =>
      fakeIo({ onOut: (io) => void (io.out().endsWith(" was") && io.stop(reason)) }),
    );
    for (const io of stops) {
      const { exitCode, out } = await blackmamba(["generate", "Once", "--save-state", path, "--force"], io);
      expect([exitCode, out]).toEqual([io === stops[0] ? 130 : 0, "Once, there was\n"]);
      expect(await contents()).toBe("3");
      await rm(path);
    }
    const library = fakeLibrary({ errors: { advance: coded("ERR_DEVICE_LOST", "the device is gone") } });
    const failed = await blackmamba(["generate", "Once", "--save-state", path], fakeIo(), library);
    expect(failed.errLines.at(-1)).toBe("blackmamba: the device is gone");
    expect(await contents()).toBe("2");
  });

  test("is not saved where the prompt was not read", async () => {
    const path = join(folder, "s");
    const library = fakeLibrary({ errors: { generate: coded("ERR_PROMPT", "no tokens") } });
    const { exitCode, errLines } = await blackmamba(["generate", "Once", "--save-state", path], fakeIo(), library);
    expect(exitCode).toBe(2);
    expect(errLines.slice(-2)).toEqual([
      `${path}: no state was saved, as the prompt was not read to its end`,
      "blackmamba: no tokens",
    ]);
    expect(await readdir(folder)).toEqual([]);
  });

  test("a file that is there stays without --force, and is refused before anything is loaded", async () => {
    const path = join(folder, "s");
    await writeFile(path, "precious");
    const refused = await blackmamba(three("Once", "--save-state", path));
    expect(refused).toMatchObject({ exitCode: 1, out: "" });
    expect(refused.err).toBe(
      `blackmamba: ${path}: expected no file of this name, found one; name another, or overwrite it with --force\n`,
    );
    expect(refused.library.calls).toEqual([]);
    expect(await contents()).toBe("precious");
    const inFolder = await blackmamba(three("--save-state", folder, "--force"));
    expect(inFolder.err).toContain("expected the name of a file, found a folder");
    const nowhere = await blackmamba(three("--save-state", join(folder, "no", "s")));
    expect(nowhere.err).toContain("expected a folder to write to, found none");
  });

  test("a file that is missing, or no state of this model, is refused by its name", async () => {
    const path = join(folder, "s");
    const missing = await blackmamba(three("--load-state", path));
    expect(missing).toMatchObject({
      exitCode: 1,
      err: `blackmamba: ${path}: expected a saved state, but there is none\n`,
    });
    expect(missing.library.calls).toEqual([]);
    await writeFile(path, "5");
    const library = fakeLibrary({
      errors: { loadState: coded("ERR_STATE_FILE", "the saved state: expected one of this model") },
    });
    const other = await blackmamba(three("--load-state", path), fakeIo(), library);
    expect(other.exitCode).toBe(1);
    expect(other.errLines.at(-1)).toBe(`blackmamba: ${path}: the saved state: expected one of this model`);
  });
});

describe("stopping", () => {
  const afterSecondPiece = (reason: typeof INTERRUPTED) =>
    fakeIo({ onOut: (io) => void (io.out().endsWith(" was") && io.stop(reason)) });

  test("Ctrl-C while generating: what was written stays, a line end, 130, not a word", async () => {
    const { exitCode, out, errLines } = await blackmamba(["generate", "Once"], afterSecondPiece(INTERRUPTED));
    expect(exitCode).toBe(130);
    expect(out).toBe("Once, there was\n");
    expect(errLines).toHaveLength(2);
  });

  test("Ctrl-C with --json: the object of what there is", async () => {
    const io = fakeIo();
    const library = fakeLibrary({ hangs: "generate" });
    setTimeout(() => io.stop(INTERRUPTED), 10);
    const { exitCode, out } = await blackmamba(["generate", "--json"], io, library);
    expect(exitCode).toBe(130);
    expect(JSON.parse(out)).toMatchObject({ finishReason: "interrupted", tokens: 0 });
  });

  test.each(["selectDevice", "load"] as const)("Ctrl-C during %s: 130, not a word", async (hangs) => {
    const io = fakeIo();
    setTimeout(() => io.stop(INTERRUPTED), 10);
    const { exitCode, out, err } = await blackmamba(["generate", "Once"], io, fakeLibrary({ hangs }));
    expect(exitCode).toBe(130);
    expect(out).toBe("");
    expect(err).toBe(hangs === "load" ? "device cpu: there is no WebGPU adapter\n" : "");
  });

  test("Ctrl-C while waiting for a prompt", async () => {
    const io = fakeIo();
    setTimeout(() => io.stop(INTERRUPTED), 10);
    expect((await blackmamba(["generate", "-"], io)).exitCode).toBe(130);
  });

  test("an error that follows an interruption is not reported", async () => {
    const io = fakeIo();
    io.stop(INTERRUPTED);
    const library = fakeLibrary({ errors: { load: new DOMException("aborted", "AbortError") } });
    expect(await blackmamba(["generate"], io, library)).toMatchObject({ exitCode: 130, err: "" });
  });

  test("a reader that goes away ends the run quietly", async () => {
    const { exitCode, errLines } = await blackmamba(["generate", "Once"], afterSecondPiece(OUTPUT_CLOSED));
    expect(exitCode).toBe(0);
    expect(errLines).toHaveLength(2);
  });
});

describe("cache", () => {
  test("list shows what there is", async () => {
    const { exitCode, out } = await blackmamba(["cache", "list"]);
    expect(exitCode).toBe(0);
    expect(out).toBe(
      "owner/first    2.9 GB                 01234567, main  /cache/first\n" + "owner/second  7 bytes  12.0 MB begun\n",
    );
    const json = await blackmamba(["cache", "list", "--json"]);
    expect(JSON.parse(json.out)[1]).toMatchObject({ name: "owner/second", partialByteLength: 12_000_000 });
  });

  test("list says so when there is nothing", async () => {
    const { exitCode, out, err } = await blackmamba(["cache", "list"], fakeIo(), emptied());
    expect([exitCode, out]).toEqual([0, ""]);
    expect(err).toContain("the cache is empty");
  });

  test("verify fails if a file is not what was published", async () => {
    const { exitCode, out, errLines } = await blackmamba(["cache", "verify"]);
    expect(exitCode).toBe(1);
    expect(out).toBe("right  owner/first/config.json  7 bytes\nWRONG  owner/second/config.json  7 bytes\n");
    expect(errLines).toEqual([
      "blackmamba: owner/second: files expected as they were published, others found; " +
        "delete and load again: blackmamba cache remove owner/second",
    ]);
    const one = await blackmamba(["cache", "verify", "owner/first"]);
    expect([one.exitCode, one.out]).toEqual([0, "right  owner/first/config.json  7 bytes\n"]);
  });

  test("remove deletes what is named, and nothing if one of the names is unknown", async () => {
    const { exitCode, err, library } = await blackmamba(["cache", "remove", "owner/second"]);
    expect([exitCode, err]).toEqual([0, "removed owner/second: 12.0 MB\n"]);
    expect(library.calls).toEqual([{ name: "remove", arguments: ["owner/second"] }]);
    const unknown = await blackmamba(["cache", "remove", "owner/second", "owner/third"]);
    expect(unknown.exitCode).toBe(1);
    expect(unknown.library.calls).toEqual([]);
    expect(unknown.err).toContain("owner/third: expected a model in the cache, found owner/first, owner/second");
  });
});

function emptied() {
  const library = fakeLibrary();
  for (const name of ["owner/first", "owner/second"]) library.calls.push({ name: "remove", arguments: [name] });
  return library;
}

describe("info", () => {
  test("shows the configuration, the parameters, the bytes and the layers", async () => {
    const { exitCode, out, err, library } = await blackmamba(["info", "--model", "m"]);
    expect(exitCode).toBe(0);
    expect(err).toBe("");
    expect(library.calls).toEqual([{ name: "describeModel", arguments: ["m"] }]);
    expect(out).toBe(`model       m
parameters  26,000,123, of which 8,000,456 active per token
weights     27.7 MB (27,654,321 bytes) in m/model.safetensors
tensors     12 f32, 109 q8_0
tokenizer   tokenizer.json

hidden          256
inner           512
state           16
taps            4
dtRank          16
ffn             576
vocab           8192
epsilon         0.00001
gating          sigmoid
gated           true
projectionBias  false
linearBias      false
layout          blackmamba
finalNorm       layer
tied            true

layer  kind                  parameters   active   weights
    0  r     Mamba              433,000  433,000  460.0 kB
    1  8     MoE, 8 experts   3,541,000  444,000    3.8 MB
`);
  });

  test("--json prints the description", async () => {
    const { out } = await blackmamba(["info", "--json"]);
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify({ model: "/models/storyteller", ...DESCRIPTION })));
  });
});

describe("convert", () => {
  /** Without options. */
  const PLAIN = {
    ...{ format: "safetensors", quantize: undefined, dtype: undefined, shardByteLength: undefined, force: false },
  };

  test("passes on what the user said, and says what was written", async () => {
    const plain = await blackmamba(["convert", "a", "b"]);
    expect(plain.exitCode).toBe(0);
    expect(plain.out).toBe("");
    expect(plain.err).toMatch(/^wrote b\/model\.safetensors: 14\.0 MB, 62 bf16, 115 q4_0, in \d+ ms\n$/);
    expect(plain.library.calls).toEqual([{ name: "convertModel", arguments: ["a", "b", PLAIN] }]);
    const full = await blackmamba(["convert", "a", "b", "--quantize", "q4_0", "--force"]);
    expect(full.library.calls[0]!.arguments).toEqual([...["a", "b"], { ...PLAIN, quantize: "q4_0", force: true }]);
    const none = await blackmamba(["convert", "a", "b", "--quantize", "none"]);
    expect(none.library.calls[0]!.arguments).toEqual([...["a", "b"], PLAIN]);
    const gguf = await blackmamba(["convert", "a", "b", "--format", "gguf"]);
    expect(gguf.library.calls[0]!.arguments[2]).toMatchObject({ format: "gguf" });
    const shards = await blackmamba(["convert", "a", "b", "--shard-size", "2GB", "--dtype", "f16"]);
    expect(shards.library.calls[0]!.arguments[2]).toEqual({ ...PLAIN, dtype: "f16", shardByteLength: 2e9 });
    expect(shards.err).toMatch(/^wrote b\/index\.json and 2 files: 14\.0 MB, /);
    expect((await blackmamba(["convert", "a", "b", "--format", "onnx"])).err).toContain(
      '--format: expected safetensors or gguf, found "onnx"',
    );
  });

  test("shows a bar only to a terminal, and removes it", async () => {
    const { err } = await blackmamba(["convert", "a", "b"], fakeIo({ isTTY: true }));
    expect(err).toMatch(/converting .*% of 14\.0 MB/);
    expect(err.endsWith("ms\n")).toBe(true);
    expect((await blackmamba(["convert", "a", "b"])).err).not.toContain("%");
  });

  test("Ctrl-C: 130, not a word", async () => {
    const io = fakeIo();
    io.stop(INTERRUPTED);
    expect(await blackmamba(["convert", "a", "b"], io)).toMatchObject({ exitCode: 130, out: "", err: "" });
  });
});

describe("synth", () => {
  test("passes on what the user said, and says what was written", async () => {
    const plain = await blackmamba(["synth", "a"]);
    expect(plain).toMatchObject({ exitCode: 0, out: "" });
    expect(plain.err).toMatch(/^wrote a\/pytorch_model\.bin: 52\.0 MB, 177 bf16, in \d+ ms\n$/);
    expect(plain.library.calls).toEqual([
      { name: "synthModel", arguments: ["a", { preset: "1.5b", dtype: "bf16", format: "bin", seed: 0, force: false }] },
    ]);
    const options = ["--preset", "2.8B", "--dtype", "f16", "--format", "safetensors", "--seed", "7", "--force"];
    const full = await blackmamba(["synth", "a", ...options]);
    expect(full.library.calls[0]!.arguments[1]).toEqual({
      ...{ preset: "2.8b", dtype: "f16", format: "safetensors", seed: 7, force: true },
    });
  });

  test("shows a bar only to a terminal, and ends quietly with Ctrl-C", async () => {
    expect((await blackmamba(["synth", "a"], fakeIo({ isTTY: true }))).err).toMatch(/making .*% of 52\.0 MB/);
    const io = fakeIo();
    io.stop(INTERRUPTED);
    expect(await blackmamba(["synth", "a"], io)).toMatchObject({ exitCode: 130, out: "", err: "" });
  });
});

describe("bench", () => {
  test("measures the default model, says on stderr what comes next, and prints tables", async () => {
    const { exitCode, out, errLines, library } = await blackmamba(["bench"]);
    expect(exitCode).toBe(0);
    expect(errLines).toEqual(["device cpu: there is no WebGPU adapter", "decode …"]);
    expect(library.calls.at(-1)).toEqual({
      name: "bench",
      arguments: [{ folder: "/models/storyteller" }, { runs: 5, comparePlain: false }],
    });
    expect(out).toContain(`decode, 3 runs of 512 tokens
rate          2,000 tok/s (1,900 to 2,100)
time          500 µs per token
gaps          11.9 ms, at most 24.3 ms between arrivals
weights read  1,380 GB/s, 35 % of copy
device time   476 µs; wall time is 1.05 × that
dispatches    3 per token
JavaScript    40.0 µs per token to encode

program          kernel  calls  µs each  µs per token  share
layer 0, …       linear      2      100           300   75 %
logits           norm        1      100           100   25 %
all, one by one              3                    400
`);
    expect(out).toContain("prefill, 1 run of 2,048 tokens\n");
    expect(out).toContain("device time  unknown: this adapter has no clock\n");
    expect(library.disposed).toEqual(["device"]);
  });

  test("passes on what the user said, and nothing else", async () => {
    const sizes = ["--tokens", "9", "--prompt-tokens", "8", "--runs", "7", "--batch", "6", "--context", "5"];
    const types = ["--preset", "2.8B", "--dtype", "f16", "--quantize", "q4_0", "--seed", "3"];
    const { library } = await blackmamba(["bench", ...types, ...sizes, "--device", "cpu", "--compare-plain"]);
    expect(library.calls.map(({ arguments: values }) => values)).toEqual([
      ["cpu"],
      [
        { preset: "2.8b", dtype: "f16", seed: 3 },
        { quantize: "q4_0", tokens: 9, promptTokens: 8, runs: 7, batch: 6, context: 5, comparePlain: true },
      ],
    ]);
    const plain = await blackmamba(["bench", "--preset", "1.5b"]);
    expect(plain.library.calls.at(-1)!.arguments[0]).toEqual({ preset: "1.5b", dtype: "bf16", seed: 0 });
  });

  test("--json prints the report, and --compare shows the change on stderr then", async () => {
    const { out } = await blackmamba(["bench", "--json"]);
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(REPORT)));
    const folder = await mkdtemp(join(tmpdir(), "blackmamba-bench-"));
    const path = join(folder, "before.json");
    const before = {
      ...REPORT.decode,
      tokens: 100,
      tokensPerSecond: { ...REPORT.decode.tokensPerSecond, median: 1600 },
    };
    await writeFile(path, JSON.stringify({ ...REPORT, decode: before }));
    const { out: tables } = await blackmamba(["bench", "--compare", path]);
    expect(tables).toContain("\nagainst the run of 2026-01-02T03:04:05.000Z\n");
    expect(tables).toContain("not the same: decode tokens: 100 before, 512 now\n");
    expect(tables).toMatch(/\ndecode {2,}1,600 {2,}2,000 {2}tok\/s {2,}\+25\.0 % better\n/);
    expect(tables).toMatch(/\nprefill {2,}25,000 {2,}25,000 {2}tok\/s {2,}=\n/);
    expect(tables).toMatch(/\ndecode: gap, longest {2,}24\.3 {2,}24\.3 {2}ms {2,}=\n/);
    const json = await blackmamba(["bench", "--json", "--compare", path]);
    expect(JSON.parse(json.out).format).toBe(1);
    expect(json.err).toContain("+25.0 % better");
    await rm(folder, { recursive: true });
  });

  test.each([
    ["nowhere.json", /^blackmamba: nowhere\.json: expected a report, found none; make one with/],
    ["package.json", /^blackmamba: package\.json: expected a report of format 1, found other JSON; make one with/],
    ["README.md", /^blackmamba: README\.md: expected a report, found .+; make one with/],
  ])("--compare %s: nothing is measured first", async (path, message) => {
    const { exitCode, err, library } = await blackmamba(["bench", "--compare", path]);
    expect(exitCode).toBe(1);
    expect(err).toMatch(message);
    expect(library.calls).toEqual([]);
  });

  test("shows a bar of each stage only to a terminal, and removes it", async () => {
    const { err } = await blackmamba(["bench"], fakeIo({ isTTY: true }));
    expect(err).toContain("\ndecode …\n");
    expect(err).toContain("% of 6 runs");
    expect((await blackmamba(["bench"])).err).not.toContain("%");
  });

  test("Ctrl-C: 130, and no table", async () => {
    const io = fakeIo();
    setTimeout(() => io.stop(INTERRUPTED), 10);
    const { exitCode, out } = await blackmamba(["bench"], io, fakeLibrary({ hangs: "bench" }));
    expect(exitCode).toBe(130);
    expect(out).toBe("");
  });

  test("plain TypeScript is what the device cpu is compared with, no other", async () => {
    const library = fakeLibrary({ deviceKind: "webgpu" });
    const { exitCode, err } = await blackmamba(["bench", "--compare-plain"], fakeIo(), library);
    expect(exitCode).toBe(2);
    expect(err).toContain(
      "--compare-plain: expected the device cpu, found webgpu; add --device cpu; see blackmamba bench",
    );
  });
});

describe("devices", () => {
  test("says what is there, which one auto takes, and why", async () => {
    const { exitCode, out, err } = await blackmamba(["devices"]);
    expect(exitCode).toBe(0);
    expect(err).toBe("");
    expect(out).toBe(`*  webgpu  Some GPU     usable      the default: a hardware GPU
   webgpu  Another GPU  not usable  its driver is too old
   cpu     CPU          usable      used when asked for by name

* what --device auto takes

webgpu: Some GPU
maxBufferSize                    2.1 GB
maxStorageBuffersPerShaderStage  10
features                         shader-f16, subgroups
`);
  });

  test("--json prints the list", async () => {
    const { out } = await blackmamba(["devices", "--json"]);
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(DEVICES)));
  });
});

describe("help", () => {
  test.each([
    ["--help"],
    ["generate", "--help"],
    ["info", "--help"],
    ["convert", "--help"],
    ["synth", "--help"],
    ["devices", "--help"],
    ["bench", "--help"],
    ["eval", "--help"],
    ["help", "generate"],
  ])("%s %s", async (...args) => {
    const { exitCode, out, err, library } = await blackmamba(args);
    expect(exitCode).toBe(0);
    expect(out).toContain("Usage: blackmamba");
    expect(out).toContain("Examples:");
    expect(err).toBe("");
    expect(library.calls).toEqual([]);
  });

  test("--version", async () => {
    expect((await blackmamba(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });
});

describe("wrong use: one line, exit code 2, and nothing is loaded", () => {
  test.each<[string[], string]>([
    [
      ["generate", "--max-tokens", "-1"],
      '--max-tokens: expected a whole number of 1 or more, found "-1"; see blackmamba generate --help',
    ],
    [
      ["generate", "--top-p=2"],
      '--top-p: expected a number above 0 and at most 1, found "2"; see blackmamba generate --help',
    ],
    [["generate", "--stop", ""], '--stop: expected some text, found ""; see blackmamba generate --help'],
    [["generate", "--seed"], "option '--seed <number>' argument missing; see blackmamba generate --help"],
    [
      ["generate", "--model", "--json"],
      '--model: expected a folder, an address or a name on a hub, found "--json"; see blackmamba generate --help',
    ],
    [
      ["generate", "--device", "tpu"],
      '--device: expected auto, webgpu or cpu, found "tpu"; see blackmamba generate --help',
    ],
    [["generate", "--sed", "1"], "unknown option '--sed' (Did you mean --seed?); see blackmamba generate --help"],
    [
      ["generate", "Once", "upon"],
      "too many arguments for 'generate'. Expected 1 argument but got 2; put a prompt of several words in quotes; see blackmamba generate --help",
    ],
    [["info", "m"], "too many arguments for 'info'. Expected 0 arguments but got 1; see blackmamba info --help"],
    [
      ["generate", "--quantize", "q5_1"],
      '--quantize: expected q8_0, q4_0 or none, found "q5_1"; see blackmamba generate --help',
    ],
    [["convert", "a"], "missing required argument 'folder'; see blackmamba convert --help"],
    [
      ["convert", "", "b"],
      `source: expected a model's folder, its weights' file, an address or a name on a hub, found ""; see blackmamba convert --help`,
    ],
    [["convert", "a", ""], 'folder: expected the folder to write to, found ""; see blackmamba convert --help'],
    [
      ["convert", "a", "b", "--dtype", "q8_0"],
      '--dtype: expected bf16, f16 or f32, found "q8_0"; see blackmamba convert --help',
    ],
    [
      ["convert", "a", "b", "--shard-size", "2"],
      '--shard-size: expected a size with its unit, such as 2GB or 500MiB, found "2"; see blackmamba convert --help',
    ],
    [
      ["convert", "a", "b", "--shard-size", "2GB", "--format", "gguf"],
      "--shard-size: expected safetensors, which may be in several files, found --format gguf, which is one file; see blackmamba convert --help",
    ],
    [["synth"], "missing required argument 'folder'; see blackmamba synth --help"],
    [["synth", ""], 'folder: expected the folder to write to, found ""; see blackmamba synth --help'],
    [
      ["synth", "a", "--preset", "7b"],
      '--preset: expected 1.5b, 2.8b, storyteller, found "7b"; see blackmamba synth --help',
    ],
    [
      ["synth", "a", "--format", "gguf"],
      '--format: expected bin or safetensors, found "gguf"; see blackmamba synth --help',
    ],
    [
      ["synth", "a", "--dtype", "q8_0"],
      '--dtype: expected bf16, f16 or f32, found "q8_0"; see blackmamba synth --help',
    ],
    [
      ["bench", "--preset", "7b"],
      '--preset: expected 1.5b, 2.8b, storyteller, found "7b"; see blackmamba bench --help',
    ],
    [["bench", "--dtype", "q8_0"], '--dtype: expected bf16, f16 or f32, found "q8_0"; see blackmamba bench --help'],
    [
      ["bench", "--runs", "0"],
      '--runs: expected a whole number from 1 to 10000000, found "0"; see blackmamba bench --help',
    ],
    [
      ["bench", "--preset", "1.5b", "--model", "m"],
      "--model: expected a preset or a model, found both; see blackmamba bench --help",
    ],
    [
      ["bench", "--model", "m", "--dtype", "bf16"],
      "--dtype: expected a preset, whose weights are made, found a checkpoint, which has its own; see blackmamba bench --help",
    ],
    [["devices", "--model", "m"], "unknown option '--model'; see blackmamba devices --help"],
    [["generat"], "unknown command 'generat' (Did you mean generate?); see blackmamba --help"],
  ])("%j", async (args, message) => {
    const { exitCode, out, err, library } = await blackmamba(args);
    expect(err).toBe(`blackmamba: ${message}\n`);
    expect(exitCode).toBe(2);
    expect(out).toBe("");
    expect(library.calls).toEqual([]);
  });

  test("no command: the help, on stderr", async () => {
    const { exitCode, out, err } = await blackmamba([]);
    expect(exitCode).toBe(2);
    expect(out).toBe("");
    expect(err).toContain("Usage: blackmamba");
  });

  test.each(["ERR_OPTION", "ERR_PROMPT"])("%s from the library", async (code) => {
    const library = fakeLibrary({ errors: { generate: coded(code, "option topK: expected less") } });
    const { exitCode, errLines } = await blackmamba(["generate"], fakeIo(), library);
    expect(exitCode).toBe(2);
    expect(errLines.at(-1)).toBe("blackmamba: option topK: expected less");
  });
});

describe("failures: one line, exit code 1", () => {
  test.each(["selectDevice", "load", "generate"] as const)("of %s", async (step) => {
    const library = fakeLibrary({
      errors: { [step]: coded("ERR_MODEL_FILE", "m/config.json: expected a file,\n  found none") },
    });
    const { exitCode, out, errLines } = await blackmamba(["generate"], fakeIo(), library);
    expect(exitCode).toBe(1);
    expect(out).toBe("");
    expect(errLines.at(-1)).toBe("blackmamba: m/config.json: expected a file, found none");
  });

  test("a model without tokenizer, before anything is loaded", async () => {
    const { exitCode, err, library } = await blackmamba(
      ["generate", "--model", "m"],
      fakeIo(),
      fakeLibrary({ lacksTokenizer: true }),
    );
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^blackmamba: m: tokenizer\.json is missing, .*; put the one .* into this folder .*\n$/);
    expect(library.calls).toEqual([]);
  });

  test("in the midst of a text ends its line", async () => {
    const library = fakeLibrary({ errors: { advance: coded("ERR_DEVICE_LOST", "the device went away") } });
    const { exitCode, out, errLines } = await blackmamba(["generate", "Once"], fakeIo(), library);
    expect(exitCode).toBe(1);
    expect(out).toBe("Once, there\n");
    expect(errLines.at(-1)).toBe("blackmamba: the device went away");
  });

  test("of convert, info and devices", async () => {
    const error = coded("ERR_MODEL_FILE", "no");
    const library = () => fakeLibrary({ errors: { convertModel: error, describeModel: error, listDevices: error } });
    expect(await blackmamba(["convert", "a", "b"], fakeIo(), library())).toMatchObject({
      exitCode: 1,
      err: "blackmamba: no\n",
      out: "",
    });
    expect(await blackmamba(["info"], fakeIo(), library())).toMatchObject({
      exitCode: 1,
      err: "blackmamba: no\n",
      out: "",
    });
    expect(await blackmamba(["devices"], fakeIo(), library())).toMatchObject({ exitCode: 1, err: "blackmamba: no\n" });
  });

  test("an error nobody thought of is called what it is, and the way to its place is named", async () => {
    const library = () => fakeLibrary({ errors: { load: new TypeError("x is not a function") } });
    const plain = await blackmamba(["generate"], fakeIo(), library());
    expect(plain.exitCode).toBe(1);
    expect(plain.errLines.at(-1)).toBe(
      "blackmamba: internal error: x is not a function; set BLACKMAMBA_DEBUG=1 to see where, and please report it",
    );
    const debug = await blackmamba(["generate"], fakeIo({ env: { BLACKMAMBA_DEBUG: "1" } }), library());
    expect(debug.err).toMatch(/TypeError: x is not a function\n {4}at /);
  });

  test("with BLACKMAMBA_DEBUG=1 the cause is told too", async () => {
    const error = Object.assign(new Error("outer", { cause: new Error("inner") }), { code: "ERR_X" });
    const library = fakeLibrary({ errors: { load: error } });
    const { err } = await blackmamba(["generate"], fakeIo({ env: { BLACKMAMBA_DEBUG: "1" } }), library);
    expect(err).toContain("caused by: Error: inner\n");
  });

  test.each([new Error(""), "text", null])("also %j", async (thrown) => {
    const library = fakeLibrary({ errors: { load: thrown } });
    const { exitCode, errLines } = await blackmamba(["generate"], fakeIo(), library);
    expect(exitCode).toBe(1);
    expect(errLines.at(-1)).toMatch(/^blackmamba: internal error: ./);
  });
});
