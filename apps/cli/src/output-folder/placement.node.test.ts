/**
 * A process may be killed between any two steps: whoever looks at the folder then finds the model before, the model after, or for
 * the moment none, and the next conversion finishes what was begun.
 */
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackMamba, ModelFileError } from "@blackmamba/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { convertModel } from "../convert-model.ts";
import { changeConfig, createModelFolder } from "../testing/model-folder.ts";
import type { WeightsFormat } from "./model-names.ts";
import { performPlacement, planPlacement, type Step } from "./placement.ts";
import { recoverStaging } from "./staging.ts";

let parent: string;
let folder: string;
/** As a process makes it that was killed: no process has that id. */
let staging: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "blackmamba-placement-"));
  folder = join(parent, "model");
  staging = join(folder, ".blackmamba-4194305-abcdef");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const IDS = [1, 2, 3, 5];
const NONE = "none";

/** What is computed with the folder's model; `NONE` where there is none. */
async function seen(): Promise<string> {
  try {
    const model = await BlackMamba.load(folder, { device: "cpu" });
    const logits = await model.logits(IDS);
    await model.dispose();
    return logits.join();
  } catch (error) {
    if (error instanceof ModelFileError) return NONE;
    throw error;
  }
}

/** The plan for a staged model beside one that is there, and what is seen before. */
async function plan(format: WeightsFormat): Promise<{ readonly steps: Step[]; readonly before: string }> {
  const before = await seen();
  const files = { targetFiles: await readdir(folder), stagedFiles: await readdir(staging) };
  return { steps: await planPlacement(format, { folder, staging, ...files }), before };
}

/** What is seen after each number of steps, of which each is begun anew and finished afterwards. */
async function seenAfterEach(
  steps: readonly Step[],
): Promise<{ readonly seen: string[]; readonly finished: string[] }> {
  const saved = join(parent, "saved");
  await rm(saved, { recursive: true, force: true });
  await cp(folder, saved, { recursive: true });
  const result = { seen: [] as string[], finished: [] as string[] };
  for (let count = 0; count <= steps.length; count += 1) {
    await rm(folder, { recursive: true });
    await cp(saved, folder, { recursive: true });
    await writeFile(join(staging, "steps.json"), JSON.stringify(steps));
    await performPlacement(folder, staging, steps.slice(0, count));
    result.seen.push(await seen());
    await recoverStaging(folder);
    result.finished.push(await seen());
    expect(await readdir(folder)).not.toContain(".blackmamba-4194305-abcdef");
  }
  return result;
}

const options = {
  ...{ force: true, dtype: undefined, shardByteLength: undefined },
  ...{ signal: new AbortController().signal, onProgress: () => {} },
};

/** A model's files as a conversion makes them, in a folder. */
async function converted(
  to: string,
  format: "safetensors" | "gguf",
  quantize: "q8_0" | "q4_0" | undefined,
  { config = {}, shardByteLength }: { readonly config?: object; readonly shardByteLength?: number | undefined } = {},
): Promise<void> {
  const source = await createModelFolder(join(parent, crypto.randomUUID()));
  await changeConfig(source, config);
  const made = join(parent, crypto.randomUUID());
  await convertModel(source, made, { ...options, format, quantize, shardByteLength });
  await mkdir(to, { recursive: true });
  for (const name of await readdir(made)) await cp(join(made, name), join(to, name));
}

describe.each(["safetensors", "gguf"] as const)("%s", (format) => {
  test("in an empty folder: none, then the model", async () => {
    await mkdir(folder);
    await converted(staging, format, "q8_0");
    const { steps, before } = await plan(format);
    expect(before).toBe(NONE);
    const { seen, finished } = await seenAfterEach(steps);
    expect(new Set(finished).size).toBe(1);
    expect(new Set(seen)).toEqual(new Set([NONE, finished[0]]));
    expect(seen.at(-1)).toBe(finished[0]);
    expect(seen.filter((each) => each === finished[0])).toHaveLength(1);
  });

  test("another type of the same model: the one before, then the one after", async () => {
    await converted(folder, format, "q4_0");
    await converted(staging, format, "q8_0");
    const { steps, before } = await plan(format);
    const { seen, finished } = await seenAfterEach(steps);
    expect(new Set(finished).size).toBe(1);
    expect(finished[0]).not.toBe(before);
    expect(new Set(seen)).toEqual(new Set([before, finished[0]]));
  });

  test("with another config.json: never a mixture", async () => {
    await converted(folder, format, "q4_0");
    // The same shapes, so that only the numbers would tell of a mixture.
    await converted(staging, format, "q8_0", { config: { routing_mode: "top1" } });
    const { steps, before } = await plan(format);
    const { seen, finished } = await seenAfterEach(steps);
    expect(new Set(finished).size).toBe(1);
    expect(new Set(seen)).toEqual(new Set([before, NONE, finished[0]]));
  });
});

/** About as many files of the small model, which has 1.2 MB. */
const [TWO, THREE] = [800_000, 500_000];

describe.each([
  { what: "one file", before: undefined, after: TWO },
  { what: "several files", before: THREE, after: undefined },
  { what: "fewer files", before: THREE, after: TWO },
])("$what before", ({ before: sizeBefore, after }) => {
  test("the model before, then the one after, and no file of the one before is left", async () => {
    await converted(folder, "safetensors", undefined, { shardByteLength: sizeBefore });
    await converted(staging, "safetensors", "q8_0", { shardByteLength: after && after / 2 });
    const staged = await readdir(staging);
    const { steps, before } = await plan("safetensors");
    const { seen, finished } = await seenAfterEach(steps);
    expect(new Set(finished).size).toBe(1);
    expect(new Set(seen)).toEqual(new Set([before, finished[0]]));
    expect(await readdir(folder)).toEqual(staged);
  });
});

test("as many files as before, with the same names: never a mixture", async () => {
  await converted(folder, "safetensors", "q4_0", { shardByteLength: TWO / 4 });
  await converted(staging, "safetensors", "q8_0", { shardByteLength: TWO / 2 });
  expect(await readdir(staging)).toEqual((await readdir(folder)).filter((name) => !name.startsWith(".")));
  const { steps, before } = await plan("safetensors");
  const { seen, finished } = await seenAfterEach(steps);
  expect(new Set(seen)).toEqual(new Set([before, NONE, finished[0]]));
});

test("of another process that still runs nothing is touched, and what had not begun is removed", async () => {
  await mkdir(join(folder, `.blackmamba-${process.ppid}-abcdef`), { recursive: true });
  await mkdir(staging);
  await writeFile(join(staging, "model.safetensors.x.partial"), "begun");
  await mkdir(join(folder, ".blackmamba-notes"));
  await recoverStaging(folder);
  expect((await readdir(folder)).sort()).toEqual([`.blackmamba-${process.ppid}-abcdef`, ".blackmamba-notes"].sort());
});

test("the next conversion removes what a killed one left, and refuses as if it had not been", async () => {
  await converted(folder, "safetensors", "q4_0");
  await mkdir(staging);
  await writeFile(join(staging, "model.safetensors.x.partial"), "begun");
  const before = await seen();
  const source = await createModelFolder(join(parent, "source"));
  const again = convertModel(source, folder, { ...options, format: "safetensors", quantize: undefined, force: false });
  await expect(again).rejects.toThrow("overwrite with --force");
  expect(await readdir(folder)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect(await seen()).toBe(before);
});
