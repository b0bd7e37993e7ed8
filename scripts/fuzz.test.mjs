/**
 * Every fuzz target (`*.fuzz.ts`) over its files, the same each time: read or refused, each within two seconds and 512 MB. More,
 * and other ones: `npm run fuzz`.
 */
import { rm } from "node:fs/promises";
import { afterAll, describe, expect, it } from "vitest";
import { bundleWorker, listTargets, runCampaign } from "./fuzz-campaign.mjs";

const SEED = 2_402_01771;

/** Files of all targets together: what this project promises of files from strangers. */
const LEAST_FILES = 200_000;

const worker = await bundleWorker();
const targets = await listTargets(worker);
afterAll(() => rm(worker));

it("are enough files", () => {
  expect(targets.reduce((sum, { files }) => sum + files, 0)).toBeGreaterThanOrEqual(LEAST_FILES);
});

describe.each(targets)("$name", ({ name, files, outcomes }) => {
  it(`reads or refuses ${files} files`, { timeout: 300_000 }, async () => {
    const progress = await runCampaign(worker, { target: name, seed: SEED, count: files });
    expect(progress.files).toBe(files);
    expect(Object.keys(progress.outcomes)).toEqual(expect.arrayContaining([...outcomes]));
  });
});
