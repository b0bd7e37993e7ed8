import { CpuDevice, type DType, elementCount, f32ToBf16 } from "@blackmamba/tensor";
import { randomNumbers, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "../blackmamba.ts";
import { SMALL_CONFIG } from "../testing/small-config.ts";
import type { MakeWeight } from "./make-weights.ts";

const makeWeight: MakeWeight = ({ name, shape, dtypes }) => {
  const dtype: DType = dtypes.includes("bf16") ? "bf16" : "f32";
  return {
    dtype,
    fill(tensor, device) {
      const values = randomNumbers(1, elementCount(shape)).map(
        (value) => 0.2 * value - (name.endsWith("A_log") ? 1 : 0),
      );
      return device.write(tensor, dtype === "bf16" ? Uint16Array.from(values, f32ToBf16) : values);
    },
  };
};

describe.each(testDevices())("a model whose weights are made on $label", ({ open }) => {
  test("computes, counts its parameters, and frees them", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const model = await BlackMamba.create({ config: SMALL_CONFIG, makeWeight, device });
    const logits = await model.logits([1, 2, 3]);
    expect(logits).toHaveLength(3 * 64);
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(model.tokenizer).toBeUndefined();
    expect(model.parameters.total).toBeGreaterThan(model.parameters.active);
    await model.dispose();
    expect(device.allocatedByteLength).toBe(before);
  });

  test("refuses a weight of another type by its name", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const wrong: MakeWeight = (request) => ({
      ...makeWeight(request),
      ...(request.name.endsWith("norm.weight") && { dtype: "bf16" }),
    });
    await expect(BlackMamba.create({ config: SMALL_CONFIG, makeWeight: wrong, device })).rejects.toThrow(
      /^weight decoder\.\S+norm\.weight: expected f32, found bf16; makeWeight has to/,
    );
    expect(device.allocatedByteLength).toBe(before);
  });

  test("frees all when one cannot be filled", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const failing: MakeWeight = (request) => {
      if (!request.name.includes("out_proj")) return makeWeight(request);
      return { dtype: "f32", fill: () => Promise.reject(new Error("out of ideas")) };
    };
    await expect(BlackMamba.create({ config: SMALL_CONFIG, makeWeight: failing, device })).rejects.toThrow("ideas");
    expect(device.allocatedByteLength).toBe(before);
  });
});

test("a model that cannot be made leaves no device open", async () => {
  const makeNothing: MakeWeight = () => {
    throw new Error("out of ideas");
  };
  await expect(BlackMamba.create({ config: SMALL_CONFIG, makeWeight: makeNothing, device: "cpu" })).rejects.toThrow(
    "ideas",
  );
  await expect(BlackMamba.create({ config: { ...SMALL_CONFIG, num_layers: 3 }, makeWeight })).rejects.toThrow(
    /^config: num_layers/,
  );
});

test("nothing is filled once the signal is aborted", async () => {
  const filled: string[] = [];
  const stop = new AbortController();
  const make: MakeWeight = (request) => {
    const { dtype, fill } = makeWeight(request);
    return {
      dtype,
      fill(tensor, onto) {
        filled.push(request.name);
        stop.abort(new Error("enough"));
        return fill(tensor, onto);
      },
    };
  };
  const device = new CpuDevice();
  const made = BlackMamba.create({ config: SMALL_CONFIG, makeWeight: make, device, signal: stop.signal });
  await expect(made).rejects.toThrow("enough");
  expect(filled).toHaveLength(1);
  expect(device.allocatedByteLength).toBe(0);
});
