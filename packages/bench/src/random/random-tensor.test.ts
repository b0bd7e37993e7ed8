import {
  createCpuDevice,
  type Device,
  type DType,
  hostTensor,
  rowReader,
  storageLayout,
  type Tensor,
} from "@blackmamba/tensor";
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { fillRandom, RandomTensors } from "./random-tensor.ts";

const SHAPE = [64, 96];
const DTYPES: DType[] = ["f32", "bf16", "f16", "q8_0", "q4_0"];

/** The elements of a tensor of any float type. */
async function elementsOf(device: Device, tensor: Tensor): Promise<Float32Array> {
  const words = tensor.storage.byteLength / 4;
  const all = { byteOffset: 0, byteLength: words * 4 };
  const bytes = await device.readU32({ ...tensor, dtype: "u32", shape: [words], rowStride: words, values: all });
  const { values, scales } = storageLayout(tensor.dtype, SHAPE);
  const read = rowReader(hostTensor({ ...tensor, values, ...(scales && { scales }) }, bytes.buffer));
  const elements = new Float32Array(SHAPE[0] * SHAPE[1]);
  for (let row = 0; row < SHAPE[0]; row++) elements.set(read(row), row * SHAPE[1]);
  return elements;
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

describe.each(testDevices())("random tensors on $label", ({ open }) => {
  test.each(DTYPES)("%s has the deviation asked for, and the same elements as on the CPU", async (dtype) => {
    const found = [];
    for (const device of [await open(), createCpuDevice()]) {
      const tensor = device.createTensor(dtype, SHAPE, "weights");
      await fillRandom(device, tensor, { seed: 3, deviation: 0.25 });
      found.push(await elementsOf(device, tensor));
      tensor.storage.dispose();
    }
    const [elements, wanted] = found;
    // A value between two f16 or bf16 may go either way, by whether a device fuses multiply and add.
    expectClose(elements, wanted, 1e-3);
    expect(Math.abs(mean(elements))).toBeLessThan(0.015);
    const deviation = Math.sqrt(mean(elements.map((value) => value * value)));
    expect(Math.abs(deviation / 0.25 - 1)).toBeLessThan(0.04);
    // No pattern: neighbours know nothing of each other.
    const neighbours = mean(elements.slice(1).map((value, i) => value * elements[i])) / deviation ** 2;
    expect(Math.abs(neighbours)).toBeLessThan(0.05);
  });

  test("has the mean asked for, and keeps to one side of it", async () => {
    const device = await open();
    const tensor = device.createTensor("f32", SHAPE, "A");
    await fillRandom(device, tensor, { mean: -8, deviation: 2 });
    const elements = await device.read(tensor);
    expect(mean(elements)).toBeCloseTo(-8, 0);
    expect(Math.max(...elements)).toBeLessThan(0);
  });

  test("two tensors of a bench differ, and all are freed together", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const make = new RandomTensors(device);
    const [a, b] = [make.random([64]), make.random([64])];
    await make.filled();
    expect(await device.read(a)).not.toEqual(await device.read(b));
    expect(await device.readU32(await make.indices([3, 1, 2]))).toEqual(Uint32Array.of(3, 1, 2));
    make.dispose();
    expect(device.allocatedByteLength).toBe(before);
  });
});
