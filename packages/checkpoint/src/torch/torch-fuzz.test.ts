import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mutate, mutations } from "../testing/mutations.ts";
import { readOrRefuse } from "../testing/read-or-refuse.ts";
import { type TorchFile, torchEntries, torchFile } from "../testing/torch-bytes.ts";
import { zip } from "../testing/zip-bytes.ts";

const file: TorchFile = {
  storages: { "0": 24, "1": 32, "2": 8 },
  tensors: [
    { name: "plain", storage: "0", shape: [2, 6] },
    { name: "float", storage: "1", storageClass: "Float", shape: [8] },
    { name: "transposed", storage: "0", storageElements: 12, shape: [6, 2], strides: [1, 6] },
    { name: "expanded", storage: "2", shape: [5, 4], strides: [0, 1] },
  ],
};

/** Runs `attempt` on many damaged files and counts what came of it. */
async function outcomes(numRuns: number, attempt: (changes: Parameters<typeof mutate>[1]) => Promise<string>) {
  const counts = new Map<string, number>();
  const property = fc.asyncProperty(mutations, async (changes) => {
    const outcome = await attempt(changes);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  });
  await fc.assert(property, { seed: 1_458_000, numRuns });
  return counts;
}

describe("damaged torch files are read or refused", { timeout: 60_000 }, () => {
  it.each([
    ["zip", file],
    ["zip64", { ...file, zip64: true }],
    ["zip without padding", { ...file, alignment: 1 }],
  ])("%s", async (_, original) => {
    const whole = torchFile(original);
    expect(await readOrRefuse(whole)).toBe("read");
    const counts = await outcomes(2000, (changes) => readOrRefuse(mutate(whole, changes)));
    expect(counts.get("read")).toBeGreaterThan(0);
    expect(counts.size).toBeGreaterThan(5);
  });

  it("a damaged pickle in a sound zip", async () => {
    const entries = torchEntries(file);
    const pickle = entries[0]?.content as Uint8Array;
    const counts = await outcomes(4000, (changes) => {
      const damaged = { name: "archive/data.pkl", content: mutate(pickle, changes) };
      return readOrRefuse(zip([damaged, ...entries.slice(1)], { alignment: 1 }));
    });
    expect(counts.get("read")).toBeGreaterThan(0);
    expect(counts.get("ERR_CHECKPOINT_PICKLE")).toBeGreaterThan(100);
    expect(counts.get("ERR_CHECKPOINT_FORBIDDEN_GLOBAL")).toBeGreaterThan(10);
  });
});
