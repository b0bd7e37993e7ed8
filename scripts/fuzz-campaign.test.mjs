/** What a campaign has to find: readers that make each mistake on purpose. */
import { rm } from "node:fs/promises";
import { afterAll, expect, it } from "vitest";
import { bundleWorker, CaseFailure, runCampaign } from "./fuzz-campaign.mjs";

const worker = await bundleWorker("scripts/testing/misbehaving-worker.mjs");
afterAll(() => rm(worker));

/** @param {string} target */
const failureOf = (target) => {
  // Only one is to be waited for.
  const hangMs = target === "never-ends" ? 3000 : 60_000;
  return runCampaign(worker, { target, seed: 1, count: 10, hangMs }).catch((error) => error);
};

it.each([
  ["never-ends", "it had no end after 3 s"],
  ["takes-long", " ms of the processor's time"],
  ["untyped-error", "neither read nor refused: TypeError: x is not a function"],
  ["fills-the-heap", "JavaScript heap out of memory"],
  ["one-large-array", "a Uint8Array of 1073741824"],
  ["large-array-caught", "arrays of 1073741824 bytes"],
  ["many-arrays", "a Uint16Array of 1048576"],
  ["pollutes-objects", "Object.prototype was changed: polluted"],
])("a reader that %s is found, with the file", async (target, why) => {
  const failure = await failureOf(target);
  expect(failure).toBeInstanceOf(CaseFailure);
  expect(failure.message).toContain(`${target}, seed 1, case 4: `);
  expect(failure.message).toContain(why);
  expect(failure.message).toContain(`npm run fuzz -- --target ${target} --seed 1 --case 4`);
  expect(failure.file).toHaveLength(8);
});

it("a method that was replaced is found at the end", async () => {
  expect((await failureOf("changes-a-prototype")).message).toContain("Array.prototype was changed: at");
});

it("one that reads or refuses is not", async () => {
  const { files, outcomes } = await failureOf("does-well");
  expect({ files, outcomes }).toEqual({ files: 10, outcomes: { read: 5, ERR_REFUSED: 5 } });
});
