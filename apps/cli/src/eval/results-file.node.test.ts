/** A file of results: what is kept, what a killed process may leave, and what is refused. */
import { appendFile, mkdtemp, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ResultsFileError } from "../errors.ts";
import { type ModelIdentity, ResultsFile, type RunIdentity } from "./results-file.ts";

const IDENTITY: RunIdentity = { task: "lambada", textHash: "abc", options: { "start-id": 3 } };
const MODEL: ModelIdentity = { name: "a-model", fingerprint: "0123", sentence: [5, 1] };
const SCORES = [0, 1, 2].map((index) => ({ index, tokens: 1, logprob: -index - 0.1, correct: index === 1 }));

type Score = (typeof SCORES)[number];

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-results-"));
  path = join(folder, "results.jsonl");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(scores: readonly Score[], identity = IDENTITY, model = MODEL): Promise<readonly Score[]> {
  const file = await ResultsFile.read<Score>(path, identity);
  await file.begin(model);
  for (const score of scores) await file.append(score);
  await file.close();
  return file.known;
}

describe("results", () => {
  test("are there when they are read again, in lines that can be read by anyone", async () => {
    expect(await write(SCORES.slice(0, 2))).toEqual([]);
    expect(await write(SCORES.slice(2))).toEqual(SCORES.slice(0, 2));
    expect((await ResultsFile.read(path, IDENTITY)).known).toEqual(SCORES);
    const lines = (await readFile(path, "utf8")).split("\n");
    expect(lines).toHaveLength(5);
    expect(lines.slice(1, -1).map((line) => JSON.parse(line))).toEqual(SCORES);
  });

  test("are on their way out as soon as append resolves", async () => {
    const file = await ResultsFile.read<Score>(path, IDENTITY);
    await file.begin(MODEL);
    await file.append(SCORES[0]!);
    expect((await ResultsFile.read(path, IDENTITY)).known).toEqual(SCORES.slice(0, 1));
    await file.close();
    await file.close();
  });

  test("may end anywhere: half a line is written over", async () => {
    await write(SCORES);
    const whole = await readFile(path);
    const headerEnd = whole.indexOf("\n") + 1;
    for (let length = headerEnd; length < whole.byteLength; length += 7) {
      await writeFile(path, whole.subarray(0, length));
      const known = await write([]);
      expect(known).toEqual(SCORES.slice(0, known.length));
      await write(SCORES.slice(known.length));
      expect((await readFile(path)).equals(whole)).toBe(true);
    }
  });

  test("are not touched before the model is known", async () => {
    await write(SCORES);
    await appendFile(path, '{"index":3');
    const before = await readFile(path);
    await ResultsFile.read(path, IDENTITY);
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  test("an empty file is as good as none", async () => {
    await write([]);
    await truncate(path);
    expect(await write(SCORES)).toEqual([]);
    expect((await ResultsFile.read(path, IDENTITY)).known).toEqual(SCORES);
  });
});

describe("refused is", () => {
  test.each<[string, Partial<RunIdentity>, string]>([
    ["another task", { task: "perplexity" }, "expected results of the task perplexity, found those of lambada"],
    ["another text", { textHash: "abd" }, "expected results of this text, found those of another text"],
    ["another option", { options: { "start-id": 4 } }, "results of --start-id 4, found those of --start-id 3"],
    ["an option less", { options: {} }, "results of no --start-id, found those of --start-id 3"],
    [
      "an option more",
      { options: { "start-id": 3, quantize: "q8_0" } },
      'results of --quantize "q8_0", found those of no --quantize',
    ],
  ])("%s", async (_, change, message) => {
    await write(SCORES);
    const read = ResultsFile.read(path, { ...IDENTITY, ...change });
    await expect(read).rejects.toThrow(ResultsFileError);
    await expect(read).rejects.toThrow(message);
  });

  test("another model or tokenizer; the same may lie elsewhere", async () => {
    await write(SCORES.slice(0, 1));
    const before = await readFile(path);
    for (const change of [{ fingerprint: "0124" }, { sentence: [5, 1, 1] }, { sentence: [] }]) {
      const other = write(SCORES, IDENTITY, { ...MODEL, name: "b-model", ...change });
      await expect(other).rejects.toThrow(
        "expected results of the model b-model, found those of another, which was at a-model",
      );
    }
    expect((await readFile(path)).equals(before)).toBe(true);
    expect(await write([], IDENTITY, { ...MODEL, name: "moved" })).toEqual(SCORES.slice(0, 1));
  });

  test.each([
    ["a text", "Once upon a time\n", "expected results of blackmamba eval, found another file"],
    ["a text of one line", "Once upon a time", "expected results of blackmamba eval, found another file"],
    ["other JSON", '{"kind":"other"}\n', "expected results of blackmamba eval, found another file"],
    ["a later format", '{"kind":"blackmamba eval","format":2}\n', "expected results in format 1, found format 2"],
  ])("%s, which stays as it is", async (_, content, message) => {
    await writeFile(path, content);
    await expect(write(SCORES)).rejects.toThrow(message);
    expect(await readFile(path, "utf8")).toBe(content);
  });

  test.each(['{"index":1,"tokens":1}', "{}", '{"index":1,"tokens":1,"logprob":-1}', "half a li"])(
    "a line %j within, by its number",
    async (line) => {
      await write(SCORES.slice(0, 1));
      await appendFile(path, `${line}\n`);
      await expect(write([])).rejects.toThrow("line 3: expected a result of the task lambada");
    },
  );

  test("a folder, and a place that cannot be written", async () => {
    await expect(ResultsFile.read(folder, IDENTITY)).rejects.toThrow("found a folder, a device or a pipe");
    const nowhere = await ResultsFile.read(join(folder, "no", "results"), IDENTITY);
    await expect(nowhere.begin(MODEL)).rejects.toThrow("expected to write results, but could not");
  });

  // Linux has a file that is always full.
  test.runIf(process.platform === "linux")("a full disk", async () => {
    const file = await ResultsFile.read(path, IDENTITY);
    await symlink("/dev/full", path);
    await expect(file.begin(MODEL)).rejects.toThrow(/expected to write results, but could not \(ENOSPC/);
    await file.close();
  });
});
