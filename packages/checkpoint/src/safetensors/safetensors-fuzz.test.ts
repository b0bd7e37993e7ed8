import fc from "fast-check";
import { expect, it } from "vitest";
import { mutate, mutations } from "../testing/mutations.ts";
import { readOrRefuse } from "../testing/read-or-refuse.ts";
import { safetensorsFile } from "../testing/safetensors-bytes.ts";

it("damaged safetensors files are read or refused", { timeout: 60_000 }, async () => {
  const header = {
    __metadata__: { format: "pt" },
    plain: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
    half: { dtype: "F16", shape: [5], data_offsets: [24, 34] },
    quantized: { dtype: "I8", shape: [2, 32], data_offsets: [34, 98] },
    "quantized.scales": { dtype: "F16", shape: [2, 1], data_offsets: [98, 102] },
    small: { dtype: "U8", shape: [1, 16], data_offsets: [102, 118] },
    "small.scales": { dtype: "F16", shape: [1, 1], data_offsets: [118, 120] },
  };
  const whole = safetensorsFile(header, 120);
  expect(await readOrRefuse(whole)).toBe("read");
  const counts = new Map<string, number>();
  const property = fc.asyncProperty(mutations, async (changes) => {
    const outcome = await readOrRefuse(mutate(whole, changes));
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  });
  await fc.assert(property, { seed: 2_783_000, numRuns: 6000 });
  expect(counts.get("read")).toBeGreaterThan(20);
  expect(counts.get("ERR_CHECKPOINT_SAFETENSORS_HEADER")).toBeGreaterThan(100);
  expect(counts.get("ERR_CHECKPOINT_TRUNCATED")).toBeGreaterThan(100);
});
