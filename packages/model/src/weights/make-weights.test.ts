import { CpuDevice, type Device, type DType, f32ToBf16 } from "@blackmamba/tensor";
import { randomNumbers, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "../blackmamba.ts";
import { SMALL_CONFIG } from "../testing/small-config.ts";
import type { MakeWeight } from "./make-weights.ts";

const makeWeight: MakeWeight = async ({ name, shape, dtypes }, device) => {
  const dtype: DType = dtypes.includes("bf16") ? "bf16" : "f32";
  const tensor = device.createTensor(dtype, shape, name);
  const values = randomNumbers(
    1,
    shape.reduce((a, b) => a * b),
  ).map((value) => 0.2 * value - (name.endsWith("A_log") ? 1 : 0));
  await device.write(tensor, dtype === "bf16" ? Uint16Array.from(values, f32ToBf16) : values);
  return tensor;
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

  test("refuses a weight of another shape or type by its name, and frees those before", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const wrong = (change: (shape: readonly number[], device: Device) => [DType, readonly number[]]): MakeWeight => {
      return (request, onto) => {
        if (!request.name.endsWith("norm.weight")) return makeWeight(request, onto);
        const [dtype, shape] = change(request.shape, onto);
        return onto.createTensor(dtype, shape, request.name);
      };
    };
    const create = (make: MakeWeight) => BlackMamba.create({ config: SMALL_CONFIG, makeWeight: make, device });
    await expect(create(wrong(() => ["f32", [31]]))).rejects.toThrow(
      /^weight decoder\.\S+norm\.weight: expected f32 \[32\], found f32 \[31\]; makeWeight has to/,
    );
    await expect(create(wrong((shape) => ["bf16", shape]))).rejects.toThrow("found bf16 [32]");
    expect(device.allocatedByteLength).toBe(before);
  });
});

test("a model that cannot be made leaves no device open", async () => {
  const makeNothing: MakeWeight = () => Promise.reject(new Error("out of ideas"));
  await expect(BlackMamba.create({ config: SMALL_CONFIG, makeWeight: makeNothing, device: "cpu" })).rejects.toThrow(
    "ideas",
  );
  await expect(BlackMamba.create({ config: { ...SMALL_CONFIG, num_layers: 3 }, makeWeight })).rejects.toThrow(
    /^config: num_layers/,
  );
});

test("nothing is made once the signal is aborted", async () => {
  const asked: string[] = [];
  const stop = new AbortController();
  const make: MakeWeight = (request, device) => {
    asked.push(request.name);
    stop.abort(new Error("enough"));
    return makeWeight(request, device);
  };
  const device = new CpuDevice();
  const made = BlackMamba.create({ config: SMALL_CONFIG, makeWeight: make, device, signal: stop.signal });
  await expect(made).rejects.toThrow("enough");
  expect(asked).toHaveLength(1);
  expect(device.allocatedByteLength).toBe(0);
});
