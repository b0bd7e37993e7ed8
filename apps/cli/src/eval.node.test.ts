/** `blackmamba eval` against a stand-in for the library, whose model finds every token, with a probability of 1/e. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "./run.ts";
import { type FakeIo, fakeIo, INTERRUPTED, OUTPUT_CLOSED } from "./testing/fake-io.ts";
import { type FakeLibraryOptions, fakeLibrary } from "./testing/fake-library.ts";

let folder: string;
let text: string;
let passages: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-eval-"));
  text = await file("text.txt", "one two three<|endoftext|>\nfour five\n");
  passages = await file("passages.jsonl", '{"text":"a b c"}\n{"text":"d e"}\n{"text":"f g h i"}\n');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

interface Run {
  readonly io?: FakeIo;
  readonly library?: FakeLibraryOptions;
}

async function evaluate(args: string[], { io = fakeIo(), library: options = {} }: Run = {}) {
  const library = fakeLibrary(options);
  const exitCode = await run(["eval", ...args], io, library);
  const scored = library.calls.filter(({ name }) => name === "score").map(({ arguments: [ids] }) => ids);
  return { exitCode, out: io.out(), err: io.err(), errLines: io.err().split("\n").slice(0, -1), library, scored };
}

/** The values of a table, by their names. */
const table = (out: string) => Object.fromEntries(out.split("\n").map((line) => line.split(/ {2,}/)));

describe("perplexity", () => {
  test("is a table on stdout, and everything else on stderr", async () => {
    const { exitCode, out, errLines, library, scored } = await evaluate([text]);
    expect(exitCode).toBe(0);
    expect(table(out)).toMatchObject({
      perplexity: "2.7183",
      documents: "2",
      tokens: "5",
      words: "5",
      bytes: "22",
      "bits per byte": (5 / 22 / Math.LN2).toFixed(4),
    });
    expect(errLines[0]).toBe("device cpu: there is no WebGPU adapter");
    expect(errLines[1]).toMatch(/^loaded 26\.0 MB in \d+ ms$/);
    expect(errLines[2]).toMatch(/^2 documents in \d+ ms$/);
    expect(errLines).toHaveLength(3);
    expect(scored).toEqual([
      [7, 0, 1, 2],
      [7, 0, 1],
    ]);
    expect(library.disposed).toEqual(["model", "device"]);
  });

  test("as JSON has all figures, and those of each document", async () => {
    const { out } = await evaluate([text, "--json", "--model", "m", "--quantize", "q8_0"]);
    const report = JSON.parse(out);
    expect(report).toMatchObject({
      task: "perplexity",
      file: text,
      model: "m",
      settings: { separator: "<|endoftext|>", quantize: "q8_0" },
      device: { kind: "cpu", name: "CPU", software: true, reason: "cpu: there is no WebGPU adapter" },
      ...{ tokens: 5, nll: 5, perplexity: Math.E, resumed: 0 },
    });
    expect(report.documents.map(({ tokens }: { tokens: number }) => tokens)).toEqual([3, 2]);
    expect(report.durationMs).toBeGreaterThanOrEqual(0);
  });

  test("does what the options say", async () => {
    expect((await evaluate([text, "--limit", "1"])).scored).toEqual([[7, 0, 1, 2]]);
    expect((await evaluate([text, "--start-id", "5", "--limit", "1"])).scored).toEqual([[5, 0, 1, 2]]);
    expect((await evaluate([text, "--separator", " two "])).scored).toEqual([
      [7, 0],
      [7, 0, 1],
    ]);
    // The file as one: four pieces between spaces.
    expect((await evaluate([text, "--separator", ""])).scored).toEqual([[7, 0, 1, 2, 3]]);
    const windows = await evaluate([text, "--context", "2", "--stride", "1", "--limit", "1", "--json"]);
    expect(windows.scored).toEqual([
      [7, 0, 1],
      [0, 1, 2],
    ]);
    expect(JSON.parse(windows.out).settings).toEqual({ separator: "<|endoftext|>", context: 2, stride: 1 });
  });
});

describe("lambada", () => {
  const lambada = (...args: string[]) => [passages, "--task", "lambada", ...args];

  test("is a table of accuracy and perplexity, with their errors", async () => {
    const { exitCode, out, errLines, scored } = await evaluate(lambada());
    expect(exitCode).toBe(0);
    expect(table(out)).toMatchObject({ accuracy: "100.00 ± 0.00 %", passages: "3", found: "3" });
    expect(errLines[2]).toMatch(/^3 passages in \d+ ms$/);
    // The stand-in's tokenizer makes one id of each piece between spaces.
    expect(scored).toEqual([
      [0, 1, 2],
      [0, 1],
      [0, 1, 2, 3],
    ]);
  });

  test("of a single passage has no errors to tell", async () => {
    const { out } = await evaluate(lambada("--limit", "1"));
    expect(table(out)).toMatchObject({ accuracy: "100.00 %", perplexity: "2.7183" });
    expect(JSON.parse((await evaluate(lambada("--limit", "1", "--json"))).out)).not.toHaveProperty("accuracyError");
  });

  test("takes no options of perplexity", async () => {
    for (const option of ["separator", "context", "stride"]) {
      const { exitCode, err, library } = await evaluate(lambada(`--${option}`, "3"));
      expect(exitCode).toBe(2);
      expect(err).toContain(`--${option}: expected the task perplexity, found the task lambada`);
      expect(library.calls).toEqual([]);
    }
  });
});

describe("--resume", () => {
  const resumed = (...args: string[]) => [passages, "--task", "lambada", "--resume", join(folder, "r"), ...args];
  const kept = async () => (await readFile(join(folder, "r"), "utf8")).split("\n").slice(1, -1).length;

  test("goes on after an interruption, and gives what an uninterrupted run gives", async () => {
    const whole = JSON.parse((await evaluate([passages, "--task", "lambada", "--json"])).out);
    const io = fakeIo();
    const library = fakeLibrary();
    // Ctrl-C comes while the second is scored.
    const score = async (...values: Parameters<Awaited<ReturnType<typeof library.load>>["score"]>) => {
      const model = await fakeLibrary().load("m", { signal: io.signal, onProgress: () => {} } as never);
      scores += 1;
      if (scores === 2) io.stop(INTERRUPTED);
      return model.score(...values);
    };
    let scores = 0;
    const load: typeof library.load = async (...args) => ({ ...(await library.load(...args)), score });
    const exitCode = await run(["eval", ...resumed()], io, { ...library, load });
    expect(exitCode).toBe(130);
    expect(io.out()).toBe("");
    expect(io.err()).toContain(`stopped after 1 of 3 passages, kept in ${join(folder, "r")}: the same command goes on`);
    expect(await kept()).toBe(1);

    const second = await evaluate(resumed("--json"));
    expect(second.exitCode).toBe(0);
    expect(second.errLines.at(-1)).toMatch(/^2 passages in \d+ ms and 1 known before$/);
    const { passages: found, accuracy, perplexity } = JSON.parse(second.out);
    expect({ found, accuracy, perplexity }).toEqual({
      found: whole.passages,
      accuracy: whole.accuracy,
      perplexity: whole.perplexity,
    });
    expect(JSON.parse(second.out).resumed).toBe(1);
    expect(await kept()).toBe(3);
  });

  test("goes on from a smaller limit, and shows a smaller one", async () => {
    await evaluate(resumed("--limit", "2"));
    const more = await evaluate(resumed());
    expect(more.scored).toHaveLength(1);
    const less = await evaluate(resumed("--limit", "1", "--json"));
    expect(less.scored).toEqual([]);
    expect(JSON.parse(less.out).passages).toHaveLength(1);
    expect(await kept()).toBe(3);
  });

  test("goes on after a failure, which says where the results are", async () => {
    await evaluate(resumed("--limit", "1"));
    const failed = await evaluate(resumed(), { library: { failsAfter: 1 } });
    expect(failed.exitCode).toBe(1);
    expect(failed.errLines.slice(-2)).toEqual([
      `stopped after 2 of 3 passages, kept in ${join(folder, "r")}: the same command goes on from there`,
      "blackmamba: the device is gone",
    ]);
    expect((await evaluate(resumed())).errLines.at(-1)).toMatch(/^1 passage in \d+ ms and 2 known before$/);
  });

  test("refuses another text, another option and another model, and says which", async () => {
    await evaluate(resumed());
    await writeFile(passages, '{"text":"a b c"}\n');
    const other = await evaluate(resumed());
    expect(other.exitCode).toBe(1);
    expect(other.err).toMatch(/r: expected results of this text, found those of another text; name another file\n$/);
    // Before the model is loaded.
    expect(other.library.calls).toEqual([]);
    expect((await evaluate(resumed("--start-id", "3"))).exitCode).toBe(1);
    await writeFile(passages, '{"text":"a b c"}\n{"text":"d e"}\n{"text":"f g h i"}\n');
    const model = await evaluate(resumed("--model", "m"), { library: { fingerprint: "fedcba9876543210" } });
    expect(model.exitCode).toBe(1);
    expect(model.err).toMatch(
      /expected results of the model m, found those of another, which was at \/models\/storyteller; /,
    );
    expect(await kept()).toBe(3);
  });
});

describe("--output", () => {
  test("has what --json prints, beside the table", async () => {
    const output = join(folder, "report.json");
    await writeFile(output, "an older one");
    const { exitCode, out } = await evaluate([text, "--output", output]);
    expect(exitCode).toBe(0);
    expect(table(out)["perplexity"]).toBe("2.7183");
    expect(JSON.parse(await readFile(output, "utf8"))).toMatchObject({ task: "perplexity", tokens: 5 });
    expect((await readdir(folder)).sort()).toEqual(["passages.jsonl", "report.json", "text.txt"]);
  });

  test("that cannot be written is refused before anything is loaded", async () => {
    for (const output of [join(folder, "no", "report.json"), folder]) {
      const { exitCode, err, library } = await evaluate([text, "--output", output]);
      expect(exitCode).toBe(1);
      expect(err).toContain(`${output}: expected `);
      expect(library.calls).toEqual([]);
    }
  });

  test("may be no file that is read or kept", async () => {
    const same = await evaluate([text, "--output", text]);
    expect(same.exitCode).toBe(2);
    expect(same.err).toContain("--output: expected another file than the text");
    const both = await evaluate([text, "--resume", join(folder, "r"), "--output", join(folder, "x", "..", "r")]);
    expect(both.err).toContain("--output: expected another file than --resume");
    expect((await evaluate([text, "--resume", text])).err).toContain("--resume: expected another file than the text");
    expect(await readFile(text, "utf8")).toContain("one two three");
  });
});

describe("wrong use and wrong files: one line, and nothing is loaded", () => {
  test.each([
    [["--task", "hellaswag"], '--task: expected perplexity or lambada, found "hellaswag"'],
    [["--limit", "0"], "--limit: expected a whole number from 1 to "],
    [["--start-id", "-1"], "--start-id: expected an id of the vocabulary"],
    [["--resume", "--json"], '--resume: expected a file, found "--json"'],
    [["--stride", "4"], "option stride: expected a context beside it"],
    [["--context", "4", "--stride", "5"], "option stride: expected a whole number from 1 to 4, the context, found 5"],
  ])("%j", async (args, message) => {
    const { exitCode, err, library } = await evaluate([text, ...args]);
    expect(err).toContain(`blackmamba: ${message}`);
    expect(exitCode).toBe(2);
    expect(library.calls).toEqual([]);
  });

  test.each<[string, string | Uint8Array, string[], string]>([
    ["no JSON", "plain\n", ["--task", "lambada"], 'line 1: expected JSON, found "plain"'],
    ["no text in it", '{"text":"a b"}\n{"a":1}\n', ["--task", "lambada"], "line 2: expected an object"],
    ["no UTF-8", Uint8Array.of(0x66, 0xff), [], "file.txt: expected UTF-8 text, found other bytes (2 in all)"],
  ])("a file with %s", async (_, content, args, message) => {
    const { exitCode, err, library } = await evaluate([await file("file.txt", content), ...args]);
    expect(err).toContain(message);
    expect(err.split("\n")).toHaveLength(2);
    expect(exitCode).toBe(1);
    expect(library.calls).toEqual([]);
  });

  test("a file of white space", async () => {
    const { exitCode, err } = await evaluate([await file("file.txt", " \n<|endoftext|>\n")]);
    expect(err).toContain("blackmamba: the text holds no documents");
    expect(exitCode).toBe(1);
  });

  test("no file", async () => {
    const { exitCode, err } = await evaluate([join(folder, "gone.txt")]);
    expect(err).toMatch(/gone\.txt: expected a file of text, but there is none\n$/);
    expect(exitCode).toBe(1);
    expect((await evaluate([])).err).toContain("missing required argument 'file'; see blackmamba eval --help");
  });

  test("a model without a tokenizer", async () => {
    const { exitCode, err } = await evaluate([text], { library: { lacksTokenizer: true } });
    expect(err).toContain("tokenizer.json is missing");
    expect(exitCode).toBe(1);
  });
});

describe("stopping", () => {
  test("Ctrl-C is noticed although the model never answers", async () => {
    const io = fakeIo();
    const running = evaluate([text], { io, library: { hangs: "score" } });
    setTimeout(() => io.stop(INTERRUPTED), 100);
    const { exitCode, out, err } = await running;
    expect(exitCode).toBe(130);
    expect(out).toBe("");
    expect(err).not.toContain("blackmamba:");
  });

  test("without --resume it says what is lost", async () => {
    const { err, exitCode } = await evaluate([passages, "--task", "lambada"], { library: { failsAfter: 2 } });
    expect(err).toContain("stopped after 2 of 3 passages, lost: with --resume FILE they would have been kept\n");
    expect(exitCode).toBe(1);
  });

  test("a reader that goes away ends it quietly", async () => {
    const io = fakeIo();
    const running = evaluate([text], { io, library: { hangs: "score" } });
    setTimeout(() => io.stop(OUTPUT_CLOSED), 100);
    const { exitCode, err } = await running;
    expect(exitCode).toBe(0);
    expect(err).not.toContain("stopped");
  });
});

test("a person who watches sees a bar", async () => {
  const io = fakeIo({ isTTY: true });
  await evaluate([passages, "--task", "lambada"], { io });
  expect(io.err()).toMatch(/scoring .* of 3 passages/);
});
