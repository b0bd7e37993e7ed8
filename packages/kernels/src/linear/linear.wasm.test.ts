/**
 * What the WebAssembly of `linear` has to itself: f16 exactly, threads, memory that runs out. Its results on ordinary numbers
 * are compared with the reference in `linear.test.ts`, as every device's are.
 */
import { createCpuDevice, type Device, type DType, f16ToF32, Program, rows, type Tensor } from "@blackmamba/tensor";
import { expectClose, randomNumbers } from "@blackmamba/testing";
import { afterEach, expect, test, vi } from "vitest";
import { linear } from "./linear.ts";

const devices: Device[] = [];

function open(options?: Parameters<typeof createCpuDevice>[0]): Device {
  const device = createCpuDevice(options);
  devices.push(device);
  return device;
}

afterEach(async () => {
  vi.restoreAllMocks();
  for (const device of devices.splice(0)) await device.dispose();
});

async function tensor(device: Device, dtype: DType, shape: number[], bytes: ArrayBufferView): Promise<Tensor> {
  const made = device.createTensor(dtype, shape, dtype);
  await device.write(made, bytes);
  return made;
}

async function product(device: Device, weights: Tensor, x: Tensor): Promise<Float32Array> {
  const out = device.createTensor("f32", [x.shape[0] ?? 1, weights.shape[0] ?? 1], "out");
  const program = new Program("product");
  program.call(linear, { out, x, weights }, {});
  await device.run([await device.prepare(program)], { tokens: x.shape[0] ?? 1 });
  return device.read(out);
}

// Eight elements at a time, and what is left over.
test.each([1, 8])("every f16 is exact, infinite and NaN too: one token, five tokens, rows of %i", async (inputs) => {
  const device = open({ threads: 1 });
  const count = 65536;
  const bits = Uint16Array.from({ length: count * inputs }, (_, i) => (i % inputs === 0 ? i / inputs : 0));
  const weights = await tensor(device, "f16", [count, inputs], bits);
  const x = await tensor(device, "f32", [5, inputs], new Float32Array(5 * inputs).fill(1));
  // A sum that begins with 0 has no −0.
  const expected = Array.from({ length: count }, (_, i) => f16ToF32(i) + 0);
  expect([...(await product(device, weights, rows(x, 0, 1)))]).toEqual(expected);
  const all = await product(device, weights, x);
  for (let t = 0; t < 5; t++) expect([...all.subarray(t * count, (t + 1) * count)]).toEqual(expected);
});

test("what is not finite stays so with quantised weights", async () => {
  const device = open({ threads: 1 });
  const bytes = new Uint8Array(256 + 4).fill(1);
  const weights = await tensor(device, "q8_0", [2, 32], bytes);
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const x = await tensor(device, "f32", [1, 32], new Float32Array(32).fill(wrong, 7, 8));
    for (const value of await product(device, weights, x)) expect(value).toBeNaN();
  }
});

test("threads share the work of thousands of calls without losing or repeating a piece", async () => {
  const device = open({ threads: 4 });
  const size = 256;
  const x = await tensor(device, "f32", [1, size], randomNumbers(1, size));
  const weights = await tensor(device, "f32", [size, size], randomNumbers(2, size * size));
  const out = device.createTensor("f32", [1, size], "out");
  const program = new Program("many");
  for (let call = 0; call < 50; call++) program.call(linear, { out, x, weights }, { accumulate: true });
  const prepared = await device.prepare(program);
  const [once] = [await product(device, weights, x)];
  for (let run = 0; run < 40; run++) {
    device.clear(out);
    await device.run([prepared]);
    expectClose(
      await device.read(out),
      once.map((value) => value * 50),
      1e-6,
    );
  }
});

test("tensors for which the memory cannot grow are ordinary ones, and give the same", async () => {
  const device = open();
  const x = await tensor(device, "f32", [1, 512], randomNumbers(1, 512));
  const inside = await tensor(device, "f32", [64, 512], randomNumbers(2, 64 * 512));
  vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
    throw new RangeError("no");
  });
  const outside = await tensor(device, "f32", [64, 512], randomNumbers(2, 64 * 512));
  expectClose(await product(device, outside, x), await product(device, inside, x), 1e-6);
});

test("plain TypeScript does it where there is no memory for WebAssembly at all", async () => {
  vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(() => {
    throw new RangeError("no");
  });
  const device = open();
  const x = await tensor(device, "f32", [1, 2], Float32Array.of(1, 2));
  const weights = await tensor(device, "f32", [2, 2], Float32Array.of(0, 1, 1, 0));
  expect([...(await product(device, weights, x))]).toEqual([2, 1]);
});

test("plain TypeScript does it where WebAssembly may not be compiled", async () => {
  // A function rather than an arrow: it is called with `new`.
  vi.spyOn(WebAssembly, "Module").mockImplementation(function refuse() {
    throw new WebAssembly.CompileError("the page's policy forbids it");
  });
  const device = open();
  const x = await tensor(device, "f32", [1, 2], Float32Array.of(1, 2));
  const weights = await tensor(device, "f32", [2, 2], Float32Array.of(1, 0, 0, 1));
  expect([...(await product(device, weights, x))]).toEqual([1, 2]);
});
