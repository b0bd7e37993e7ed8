import { testDevices } from "@blackmamba/testing";
import { describe, expect, test, vi } from "vitest";
import { parseConfig } from "../config/config.ts";
import { SMALL_CONFIG } from "../testing/small-config.ts";
import { createWeights } from "./create-weights.ts";
import { disposeWeights } from "./load-weights.ts";
import { madeWeights } from "./make-weights.ts";
import { weightTable } from "./weight-table.ts";

const table = weightTable(parseConfig(SMALL_CONFIG, "config"));
const weights = madeWeights(table).map((weight) => ({ weight, dtype: "f32" as const }));

describe.each(testDevices())("a model's weights on $label", ({ open }) => {
  test("lie together, in the order given, and waste no memory", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const createTensors = vi.spyOn(device, "createTensors");
    const filled: string[] = [];
    let byteLength = 0;
    const placed = await createWeights(device, table, weights, async (created) => {
      filled.push(...created.map(({ tensor }) => tensor.label));
      byteLength = created.reduce((sum, { tensor }) => sum + tensor.values.byteLength, 0);
    });
    expect(createTensors).toHaveBeenCalledOnce();
    createTensors.mockRestore();
    expect(filled).toEqual(weights.map(({ weight }) => weight.names[0]));
    expect(placed.layers[0]?.mamba?.mixer.inProj.label).toBe("decoder.layers.0.mixer.in_proj.weight");
    const allocated = device.allocatedByteLength - before;
    expect(allocated).toBeGreaterThanOrEqual(byteLength);
    expect(allocated).toBeLessThan(byteLength + 256 * weights.length);
    disposeWeights(placed);
    expect(device.allocatedByteLength).toBe(before);
  });

  test("an optional one that is not there leaves its place empty", async () => {
    const device = await open();
    const isNorm = ({ weight }: (typeof weights)[number]) => String(weight.names[0]).endsWith("norm.weight");
    const placed = await createWeights(device, table, weights.filter(isNorm), async () => {});
    expect(placed.layers[0]?.mamba).toMatchObject({ norm: { dtype: "f32" }, mixer: { inProj: undefined } });
    disposeWeights(placed);
  });
});
