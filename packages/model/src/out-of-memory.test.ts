/**
 * What is said where a device has no room, and that nothing stays allocated. That a real GPU runs out of memory is played: its buffers
 * beyond so many bytes have no memory, as WebGPU has it.
 */
import { createCpuDevice, type Device, OutOfMemoryError, type Tensor, type WebGpuDevice } from "@blackmamba/tensor";
import { expectClose, testDevices } from "@blackmamba/testing";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import type { LoadOptions } from "./load-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

const { parts } = await randomModel({ ...SMALL_CONFIG, num_layers: 4, mamba_moe_layers: ["r", "4", "r", "4"] }, "bf16");

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

  test.each<readonly [string, (own: number, q8: number, q4: number) => number, readonly string[]]>([
    ["nearly all", (own) => own - 1, ["q8_0", "q4_0"]],
    ["less than 8 bit take", (_, q8) => q8 - 1, ["q4_0"]],
    ["less than 4 bit take", (_, __, q4) => q4 - 1, []],
    ["nearly nothing", () => 1000, []],
  ])(
    "with room for %s says what the weights take, what there was, and what takes less",
    async (_, roomOf, suggested) => {
      const device = (await open()) as WebGpuDevice;
      const [own, q8, q4] = [await sizeIn(undefined), await sizeIn("q8_0"), await sizeIn("q4_0")];
      const room = roomOf(own, q8, q4);
      const before = device.allocatedByteLength;
      const onProgress = vi.fn();
      tearApart(device);
      limitMemory(device, room);
      const error = await outOfMemory(BlackMamba.load(parts, { device, onProgress }));
      vi.restoreAllMocks();

      // Before anything was read for it, and nothing is left.
      expect(onProgress).not.toHaveBeenCalled();
      expect(device.allocatedByteLength).toBe(before);
      const given = Number(error.allocatedByteLength) - before;
      expect(given).toBeLessThanOrEqual(room);
      const options = [`quantize: "q8_0" (${q8} bytes)`, `quantize: "q4_0" (${q4} bytes)`];
      const fitting = options.filter((_, i) => suggested.includes(["q8_0", "q4_0"][i] as string));
      const facts = `the weights take ${own} bytes in bf16, and webgpu ${device.name} had given ${given} when it had no room`;
      const none = fitting.length > 0 ? "" : `; what is smaller takes more than that too: ${options.join(" or ")}`;
      const cure = fitting.length > 0 ? `load with ${fitting.join(" or ")}; or ` : "";
      expect(error.message.replace(/ \(\S+ … .*: no room for \d+ bytes on .*: the GPU is full\)/, "")).toBe(
        `${facts}${none}; ${cure}load with device: "cpu", which uses the machine's memory`,
      );
      // The first that failed is told, and the others are forgotten: the next is not disturbed.
      const failed = /\((\S+) … /.exec(error.message)?.[1];
      expect(failed).toMatch(room === 1000 ? /^embedding/ : /^decoder\.layers\.\d\.norm\.weight$/);
      const model = await BlackMamba.load(parts, { device });
      expect(await model.logits([1, 2, 3])).toHaveLength(3 * SMALL_CONFIG.vocab_size);
      await model.dispose();
      expect(device.allocatedByteLength).toBe(before);
    },
  );

  test("says of a tensor beyond the device's limit which types have none so large", async () => {
    const device = (await open()) as WebGpuDevice;
    const before = device.allocatedByteLength;
    const { limits } = device.gpu;
    const failures: string[] = [];
    // The experts' first matrix has 4 × 128 × 32 elements.
    try {
      for (const maxBufferSize of [32767, 17407, 1000]) {
        const get = (_: object, key: string) =>
          key === "maxBufferSize" ? maxBufferSize : Reflect.get(limits, key, limits);
        Object.defineProperty(device.gpu, "limits", { configurable: true, value: new Proxy({}, { get }) });
        const error = await outOfMemory(BlackMamba.load(parts, { device }));
        expect(error.maxByteLength).toBe(maxBufferSize);
        expect(error.message).toContain(`, and one of them is larger than webgpu ${device.name} allows`);
        expect(error.message).toMatch(/weight: \d+ bytes, this device allows \d+ in one buffer\)/);
        failures.push(error.message.slice(error.message.lastIndexOf(")", error.message.indexOf("; load with"))));
      }
    } finally {
      Object.defineProperty(device.gpu, "limits", { configurable: true, value: limits });
    }
    expect(failures.map((cure) => cure.match(/q\d_0/g))).toEqual([["q8_0", "q4_0"], ["q4_0"], null]);
    expect(device.allocatedByteLength).toBe(before);
  });

  test("says what a prompt asks for, and the state goes on once there is room", async () => {
    const device = (await open()) as WebGpuDevice & { software: boolean };
    const { software } = device;
    // As on a GPU, where only what a short prompt takes is made with the load.
    device.software = false;
    onTestFinished(() => {
      device.software = software;
    });
    const model = await BlackMamba.load(parts, { device });
    const prompt = Array.from({ length: 70 }, (_, i) => (i * 7) % SMALL_CONFIG.vocab_size);
    const state = model.createState();
    await state.advance([1]);
    const before = device.allocatedByteLength;
    limitMemory(device, 1000);
    const error = await outOfMemory(state.advance(prompt));
    expect(error.message).toMatch(
      /^no room to compute a prompt of 256 tokens: \d+ bytes were asked for beside the \d+ that webgpu .* has given \(/,
    );
    expect(error.message).toContain(`beside the ${before} that`);
    const batch = await outOfMemory(model.generateBatch([[1], [2], [3]]).next());
    expect(batch.message).toMatch(/^no room to compute a sequence beside another: \d+ bytes/);
    vi.restoreAllMocks();
    expect(device.allocatedByteLength).toBe(before);
    const expected = (await model.logits([1, ...prompt])).slice(-SMALL_CONFIG.vocab_size);
    expectClose(await state.advance(prompt), expected, 2e-5);
    await model.dispose();
  });
});

describe("a CPU without memory", () => {
  test("says so of weights, and frees all", async () => {
    const device = createCpuDevice({ plain: true });
    const [own, q4] = [await sizeIn(undefined), await sizeIn("q4_0")];
    const Original = globalThis.ArrayBuffer;
    // As V8 has it. A proxy, as one that was made before is an ArrayBuffer still.
    const construct = (target: typeof Original, [byteLength]: [number]) => {
      if (device.allocatedByteLength + byteLength > 1.5 * q4) throw new RangeError("Array buffer allocation failed");
      return new target(byteLength);
    };
    vi.stubGlobal("ArrayBuffer", new Proxy(Original, { construct }));
    const error = await outOfMemory(BlackMamba.load(parts, { device }));
    vi.unstubAllGlobals();
    const given = Number(error.allocatedByteLength);
    expect(error.message).toMatch(/: no memory for \d+ bytes\); load with quantize: "q4_0" \(\d+ bytes\)$/);
    expect(error.message).toContain(`the weights take ${own} bytes in bf16, and cpu CPU had given ${given} when`);
    expect(given).toBeGreaterThanOrEqual(q4);
    expect(device.allocatedByteLength).toBe(0);
    await device.dispose();
  });

  test("says so where an array for what is read cannot be had", async () => {
    const device = createCpuDevice();
    vi.spyOn(device, "write").mockImplementation(() =>
      Promise.reject(new RangeError("Array buffer allocation failed")),
    );
    const error = await outOfMemory(BlackMamba.load(parts, { device, quantize: "q4_0" }));
    expect(error.message).toMatch(
      /^the weights take \d+ bytes in q4_0, and cpu CPU had given \d+ when it had no room \(no memory to fill the weights: /,
    );
    expect(error.message).toMatch(/; free memory, or take a machine with more$/);
    expect(device.allocatedByteLength).toBe(0);
    await device.dispose();
  });
});
