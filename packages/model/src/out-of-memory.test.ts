/**
 * What is said where a device has no room, and that nothing stays allocated. That a real GPU runs out of memory is played: its buffers
 * beyond so many bytes have no memory, as WebGPU has it.
 */
import { createCpuDevice, type Device, OutOfMemoryError, type Tensor, type WebGpuDevice } from "@blackmamba/tensor";
import { testDevices } from "@blackmamba/testing";
import { afterEach, describe, expect, test, vi } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import type { LoadOptions } from "./load-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const { parts } = await randomModel(SMALL_CONFIG, "bf16");

async function outOfMemory(promise: Promise<unknown>): Promise<OutOfMemoryError> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(OutOfMemoryError);
  return error;
}

/** Bytes of the weights in a type, as a model that was loaded counts them. */
async function sizeIn(quantize: LoadOptions["quantize"]): Promise<number> {
  const model = await BlackMamba.load(parts, { device: "cpu", quantize });
  await model.dispose();
  return model.byteLength.total;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(testDevices().filter(({ label }) => label === "webgpu"))("a $label without room", ({ open }) => {
  /** Has buffers fail beyond so many bytes, until the mocks are restored. */
  const limitMemory = ({ gpu }: WebGpuDevice, byteLength: number) => {
    const [createBuffer, popErrorScope] = [gpu.createBuffer.bind(gpu), gpu.popErrorScope.bind(gpu)];
    let left = byteLength;
    let isFailing = false;
    vi.spyOn(gpu, "createBuffer").mockImplementation((descriptor) => {
      const buffer = createBuffer(descriptor);
      if (descriptor.size <= left) {
        left -= descriptor.size;
        return buffer;
      }
      isFailing = true;
      // One without memory may be used no more than one that is destroyed.
      buffer.destroy();
      return buffer;
    });
    vi.spyOn(gpu, "popErrorScope").mockImplementation(() => {
      const popped = popErrorScope();
      if (!isFailing) return popped;
      isFailing = false;
      return popped.then(() => ({ message: "the GPU is full" }));
    });
  };

  /** Has weights lie in a buffer for each layer, as those of a large model do. */
  const tearApart = (device: Device) => {
    const together = device.createTensors.bind(device);
    vi.spyOn(device, "createTensors").mockImplementation((specs) => {
      const made = new Map<object, Tensor>();
      for (const group of new Set(specs.map((spec) => spec.group))) {
        const own = specs.filter((spec) => spec.group === group);
        for (const [i, tensor] of together(own).entries()) made.set(own[i] as object, tensor);
      }
      return specs.map((spec) => made.get(spec) as Tensor);
    });
  };

  test("says what the weights take, how much it had given, and what takes less; and frees all", async () => {
    const device = (await open()) as WebGpuDevice;
    const [own, q8, q4] = [await sizeIn(undefined), await sizeIn("q8_0"), await sizeIn("q4_0")];
    const before = device.allocatedByteLength;
    const onProgress = vi.fn();
    const found: string[] = [];
    for (const room of [own, Math.ceil(q4 * 1.01), 1000]) {
      tearApart(device);
      limitMemory(device, room - 1);
      const error = await outOfMemory(BlackMamba.load(parts, { device, onProgress }));
      vi.restoreAllMocks();
      expect(device.allocatedByteLength).toBe(before);
      const given = Number(error.allocatedByteLength) - before;
      expect(given).toBeLessThan(room);
      expect(error.message).toContain(
        `the weights take ${own} bytes in bf16, and webgpu ${device.name} had given ${given} `,
      );
      expect(error.message).toMatch(/\(\S+ … \S+: no room for \d+ bytes on .*: the GPU is full\)/);
      expect(error.message).toContain('load with device: "cpu"');
      const sizes = { q8_0: q8, q4_0: q4 };
      for (const [dtype, size] of Object.entries(sizes)) {
        const option = `quantize: "${dtype}" (${size} bytes)`;
        expect(error.message).toContain(size <= given || q4 > given ? option : "");
      }
      const cure = error.message.slice(error.message.lastIndexOf(")"));
      found.push(/load with quantize.* or /.exec(cure) ? "suggests" : "does not");
      expect(error.message.includes("nothing smaller takes no more than there was")).toBe(given < q4);
    }
    // Before anything was read for it.
    expect(onProgress).not.toHaveBeenCalled();
    expect(found.length).toBe(3);
    // What was not told is forgotten: the next one is not disturbed.
    const model = await BlackMamba.load(parts, { device });
    expect(await model.logits([1, 2, 3])).toHaveLength(3 * SMALL_CONFIG.vocab_size);
    await model.dispose();
  });
});
