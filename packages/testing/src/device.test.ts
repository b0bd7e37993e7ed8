/**
 * The conformance suite of devices: here rather than beside them, because it needs this package's list of devices.
 */
import {
  columns,
  createCpuDevice,
  DisposedError,
  defineKernel,
  f32,
  KernelError,
  Program,
  rows,
  ShapeError,
  type Tensor,
  TensorPool,
  type WebGpuDevice,
} from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import { testDevices } from "./devices.ts";

/** x[i] += 1 for the run's tokens. */
const increment = defineKernel<{ readonly x: Tensor }, { readonly code?: string; readonly workgroups?: number }>({
  name: "increment",
  check({ x }) {
    if (x.dtype !== "f32") throw new ShapeError(`increment: operand x: expected f32, found ${x.dtype}`);
  },
  shader: ({ x }, { code, workgroups }) => ({
    bindings: [{ name: "x", tensor: x, access: "read_write", type: "array<f32>" }],
    code: "",
    workgroupSize: 1,
    main: code ?? "if (workgroup_id.x < run.tokens) { x[workgroup_id.x] += 1.0; }",
    workgroups: (tokens) => [workgroups ?? tokens, 1, 1],
  }),
  reference: ({ x }, _, tokens) => {
    for (let i = 0; i < tokens; i++) f32(x)[i] = Number(f32(x)[i]) + 1;
  },
});

/** x[0] += y[0]. */
const accumulate = defineKernel<{ readonly x: Tensor; readonly y: Tensor }>({
  name: "accumulate",
  check() {},
  shader: ({ x, y }) => ({
    bindings: [
      { name: "x", tensor: x, access: "read_write", type: "array<f32>" },
      { name: "y", tensor: y, access: "read", type: "array<f32>" },
    ],
    code: "",
    workgroupSize: 1,
    main: "x[0] += y[0];",
    workgroups: () => [1, 1, 1],
  }),
  reference: ({ x, y }) => {
    f32(x)[0] = Number(f32(x)[0]) + Number(f32(y)[0]);
  },
});

const program = (x: Tensor, times = 1, params = {}) => {
  const recorded = new Program("count");
  for (let i = 0; i < times; i++) recorded.call(increment, { x }, params);
  return recorded;
};

describe.each(testDevices())("the device $label", ({ open }) => {
  test("runs calls in order, over as many tokens as asked for", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const prepared = await device.prepare(program(x, 3));
    expect(prepared).toMatchObject({ label: "count", callCount: 3 });
    await device.run([prepared, prepared], { tokens: 3 });
    await device.run([prepared]);
    expect([...(await device.read(x))]).toEqual([9, 6, 6, 0]);
  });

  test("writes, copies, clears and reads back", async () => {
    const device = await open();
    const [a, b] = ["a", "b"].map((label) => device.createTensor("f32", [2, 3], label)) as [Tensor, Tensor];
    await device.write(a, Float32Array.of(1, 2, 3, 4, 5, 6));
    await device.write(a, Float32Array.of(9), 8);
    device.copy(a, b);
    device.clear(a);
    expect([...(await device.read(b))]).toEqual([1, 2, 9, 4, 5, 6]);
    expect([...(await device.read(b, 1))]).toEqual([1, 2, 9]);
    expect([...(await device.read(a))]).toEqual([0, 0, 0, 0, 0, 0]);
    const ids = device.createTensor("u32", [3], "ids");
    await device.write(ids, Uint32Array.of(7, 0, 50303));
    expect([...(await device.readU32(ids))]).toEqual([7, 0, 50303]);
    expect(() => device.copy(a, ids)).toThrow(ShapeError);
  });

  test("copies and clears several tensors and views of rows at once", async () => {
    const device = await open();
    const [a, b, c] = ["a", "b", "c"].map((label) => device.createTensor("f32", [2, 2], label)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    await device.write(a, Float32Array.of(1, 2, 3, 4));
    device.copyAll([
      [rows(a, 1, 2), rows(b, 0, 1)],
      [a, c],
    ]);
    expect([...(await device.read(b))]).toEqual([3, 4, 0, 0]);
    expect([...(await device.read(c))]).toEqual([1, 2, 3, 4]);
    expect(() => device.copyAll([[a, rows(b, 0, 1)]])).toThrow(ShapeError);
    device.clear(b, c);
    expect([...(await device.read(b)), ...(await device.read(c))]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    device.clear();
    device.copyAll([]);
    await device.settled();
  });

  test("runs programs several times in one go", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const prepared = await device.prepare(program(x, 2));
    await device.run([prepared, prepared], { tokens: 2, times: 5 });
    expect([...(await device.read(x))]).toEqual([20, 20, 0, 0]);
  });

  test("copies rows", async () => {
    const device = await open();
    const [a, b] = ["a", "b"].map((label) => device.createTensor("f32", [3, 64], label)) as [Tensor, Tensor];
    await device.write(
      a,
      Float32Array.from({ length: 192 }, (_, i) => i),
    );
    device.copy(rows(a, 2, 3), rows(b, 0, 1));
    device.copy(rows(a, 0, 2), rows(b, 1, 3));
    const copied = [...(await device.read(b))];
    expect(copied.slice(0, 64)).toEqual(Array.from({ length: 64 }, (_, i) => 128 + i));
    expect(copied.slice(64)).toEqual(Array.from({ length: 128 }, (_, i) => i));
    expect(() => device.copy(rows(a, 0, 2), rows(b, 0, 1))).toThrow("their sizes differ");
    expect(() => device.copy(columns(a, 0, 2), columns(b, 0, 2))).toThrow("expected a whole tensor or a view of rows");
  });

  test("takes the time of each call", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const times = await device.profile([await device.prepare(program(x, 3))], { tokens: 4 });
    expect(times.map(({ program, kernel }) => `${program} ${kernel}`)).toEqual(Array(3).fill("count increment"));
    for (const { durationUs } of times) expect(durationUs).toBeGreaterThanOrEqual(0);
    expect([...(await device.read(x))]).toEqual([3, 3, 3, 3]);
  });

  test("takes the time of a run as a whole", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const durationUs = await device.time([await device.prepare(program(x, 3))], { tokens: 2, times: 5 });
    expect(durationUs).toBeGreaterThanOrEqual(0);
    expect([...(await device.read(x))]).toEqual([15, 15, 0, 0]);
  });

  test("reads rows, and refuses what it cannot do to a view", async () => {
    const device = await open();
    const x = device.createTensor("f32", [3, 2], "x");
    await device.write(x, Float32Array.of(1, 2, 3, 4, 5, 6));
    expect([...(await device.read(rows(x, 1, 3)))]).toEqual([3, 4, 5, 6]);
    expect([...(await device.read(rows(x, 1, 3), 1))]).toEqual([3, 4]);
    await expect(device.read(columns(x, 0, 1))).rejects.toThrow("found a view of columns");
    await expect(device.readU32(x)).rejects.toThrow("read x: expected u32, found f32");
    await expect(device.write(rows(x, 0, 1), new Float32Array(2))).rejects.toThrow(
      "write x[0:1]: expected a whole tensor",
    );
    expect(() => device.clear(rows(x, 0, 1))).toThrow("clear x[0:1]: expected a whole tensor");
    expect(() => device.copy(x, columns(x, 0, 1))).toThrow("copy to x[:, 0:1]: expected a whole tensor");
    expect(() => device.createTensor("q8_0", [2, 33], "q")).toThrow("expected rows of a multiple of 32 elements");
    await device.settled();
  });

  test("takes an odd number of 16-bit elements", async () => {
    const device = await open();
    const tensor = device.createTensor("bf16", [3], "odd");
    await device.write(tensor, Uint16Array.of(1, 2, 3));
    const read = await device.readU32({
      ...tensor,
      dtype: "u32",
      shape: [2],
      rowStride: 2,
      values: { byteOffset: 0, byteLength: 8 },
    });
    expect([...read]).toEqual([1 + 2 * 65536, 3]);
  });

  test("counts and frees memory", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const pool = new TensorPool(device);
    pool.createTensor("f32", [100], "a");
    pool.createTensor("q8_0", [2, 32], "b");
    expect(device.allocatedByteLength - before).toBe(400 + 260);
    expect(pool.byteLength).toBe(660);
    pool.dispose();
    pool.dispose();
    expect(device.allocatedByteLength).toBe(before);
  });

  test("tensors that are made together each have their own bytes", async () => {
    const device = await open();
    const specs = [
      { dtype: "f32", shape: [3], label: "a" },
      { dtype: "q8_0", shape: [2, 32], label: "b" },
      { dtype: "f32", shape: [3], label: "c" },
      { dtype: "f32", shape: [4, 64], label: "d" },
    ] as const;
    const tensors = device.createTensors(specs);
    expect(tensors.map(({ dtype, shape, label }) => ({ dtype, shape, label }))).toEqual(specs);
    const [a, b, c, d] = tensors as [Tensor, Tensor, Tensor, Tensor];
    const ones = new Uint8Array(b.storage.byteLength).fill(0xff);
    await device.write(b, ones);
    await device.write(a, Float32Array.of(1, 2, 3));
    await device.write(c, Float32Array.of(4, 5), 4);
    await device.write(
      d,
      Float32Array.from({ length: 256 }, (_, i) => i),
    );
    await expect(device.write(a, new Float32Array(2), 8)).rejects.toThrow(
      "write a: expected at most its 12 bytes, found 8 bytes from 8 on",
    );
    // Their kernels see the tensors as others do, and views too.
    await device.run([await device.prepare(program(c)), await device.prepare(program(rows(d, 1, 2)))], { tokens: 2 });
    expect([...(await device.read(a))]).toEqual([1, 2, 3]);
    expect([...(await device.read(c))]).toEqual([1, 5, 5]);
    expect([...(await device.read(rows(d, 1, 3))).slice(0, 4)]).toEqual([65, 66, 66, 67]);
    const values = { byteOffset: 0, byteLength: 260 };
    const words = { ...b, dtype: "u32", shape: [65], rowStride: 65, values } as const;
    expect([...(await device.readU32(words))]).toEqual(Array(65).fill(0xffffffff));

    device.copyAll([
      [a, c],
      [rows(d, 3, 4), rows(d, 0, 1)],
    ]);
    device.clear(b);
    expect([...(await device.read(c))]).toEqual([1, 2, 3]);
    expect([...(await device.read(rows(d, 0, 1)))]).toEqual(Array.from({ length: 64 }, (_, i) => 192 + i));
    expect([...(await device.readU32(words))]).toEqual(Array(65).fill(0));
    device.clear(a, d);
    expect([...(await device.read(c))]).toEqual([1, 2, 3]);
    for (const { storage } of tensors) storage.dispose();
  });

  test("tensors that are made together are disposed one by one", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const [a, b] = device.createTensors(["a", "b"].map((label) => ({ dtype: "f32", shape: [64], label }))) as [
      Tensor,
      Tensor,
    ];
    expect(device.allocatedByteLength - before).toBe(512);
    await device.write(b, new Float32Array(64).fill(7));
    a.storage.dispose();
    a.storage.dispose();
    expect((await device.read(b))[63]).toBe(7);
    expect(device.allocatedByteLength).toBeGreaterThanOrEqual(before + 256);
    b.storage.dispose();
    expect(device.allocatedByteLength).toBe(before);
    expect(device.createTensors([])).toEqual([]);
  });

  test("makes all of the tensors that are asked for together, or none", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const specs = [10, 2 ** 51].map((size) => ({ dtype: "f32", shape: [size], label: `tensor of ${size}` }) as const);
    expect(() => device.createTensors(specs)).toThrow(/^tensor of 2251799813685248: .*9007199254740992 bytes/);
    expect(device.allocatedByteLength).toBe(before);
  });

  test("reads tensors that were made together, and writes one that lies apart", async () => {
    const device = await open();
    const [a, b] = device.createTensors(["a", "b"].map((label) => ({ dtype: "f32", shape: [1], label }))) as [
      Tensor,
      Tensor,
    ];
    const x = device.createTensor("f32", [1], "x");
    await device.write(a, Float32Array.of(3));
    await device.write(b, Float32Array.of(4));
    const recorded = new Program("sum");
    recorded.call(accumulate, { x, y: a }, {});
    recorded.call(accumulate, { x, y: b }, {});
    await device.run([await device.prepare(recorded)]);
    expect([...(await device.read(x))]).toEqual([7]);
  });

  test("refuses operands that do not fit when they are recorded", async () => {
    const device = await open();
    const recorded = new Program("wrong");
    const x = device.createTensor("u32", [1], "x");
    expect(() => recorded.call(increment, { x }, {})).toThrow("increment: operand x: expected f32, found u32");
  });
});

test("the CPU device ends a long run when the signal says so", async () => {
  const device = createCpuDevice();
  const x = device.createTensor("f32", [1], "x");
  const slow = defineKernel<{ readonly x: Tensor }>({
    ...increment,
    shader: ({ x }, _, traits) => increment.shader({ x }, {}, traits),
    reference: () => {
      const end = performance.now() + 40;
      while (performance.now() < end);
    },
  });
  const recorded = new Program("slow");
  for (let i = 0; i < 50; i++) recorded.call(slow, { x }, {});
  const prepared = await device.prepare(recorded);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 10);
  await expect(device.run([prepared], { signal: controller.signal })).rejects.toThrow("enough");
});

describe.each(testDevices().filter(({ label }) => label === "webgpu"))("errors on $label", ({ open }) => {
  test("a shader that does not compile is refused by the kernel's name and the compiler's words", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const wrong = program(x, 1, { code: "x[0] = true;" });
    await expect(device.prepare(wrong)).rejects.toThrow(KernelError);
    await expect(device.prepare(wrong)).rejects.toThrow(/^kernel increment: the device refuses its shader, line \d+: /);
  });

  test("a binding that is no storage of this size is refused by the kernel's name", async () => {
    const device = await open();
    const x = device.createTensor("f32", [400], "x");
    const misaligned = { ...x, values: { byteOffset: 4, byteLength: 16 } };
    await expect(device.prepare(program(misaligned))).rejects.toThrow(/^kernel increment: .*alignment/);
  });

  test("a kernel that reads and writes tensors that were made together is refused by their names", async () => {
    const device = await open();
    const [x, y] = device.createTensors(["x", "y"].map((label) => ({ dtype: "f32", shape: [4], label }))) as [
      Tensor,
      Tensor,
    ];
    const recorded = new Program("sum");
    recorded.call(accumulate, { x, y }, {});
    await expect(device.prepare(recorded)).rejects.toThrow(
      /^kernel accumulate: reads y and writes x, which share a buffer.* with createTensor$/,
    );
  });

  test("too many workgroups are refused before they leave zeros", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const prepared = await device.prepare(program(x, 1, { workgroups: 65536 }));
    await expect(device.run([prepared])).rejects.toThrow("kernel increment: 65536 × 1 × 1 workgroups are more than");
    // And the device goes on.
    await device.run([await device.prepare(program(x))]);
    expect((await device.read(x))[0]).toBe(1);
  });

  test("an error of a run is thrown by the next call that waits, and only once", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    const prepared = await device.prepare(program(x));
    x.storage.dispose();
    await device.run([prepared]);
    const other = device.createTensor("f32", [1], "other");
    await expect(device.read(other)).rejects.toThrow(/kernel count: .*destroyed/);
    expect([...(await device.read(other))]).toEqual([0]);
  });

  test("a tensor beyond the device's limit is refused by name", async () => {
    const device = await open();
    expect(() => device.createTensor("f32", [2 ** 40], "huge")).toThrow(
      /^huge: 4398046511104 bytes, this device allows/,
    );
  });

  test("an operation that the device refuses is told by the tensor's name", async () => {
    const device = await open();
    const [gone, other] = ["gone", "other"].map((label) => device.createTensor("f32", [4], label)) as [Tensor, Tensor];
    gone.storage.dispose();
    device.clear(gone);
    await expect(device.settled()).rejects.toThrow(/^clear gone: .*destroyed/);
    await device.write(gone, new Float32Array(4));
    await expect(device.read(other)).rejects.toMatchObject({ code: "ERR_DEVICE" });
  });

  test("queued runs leave turns, so that an abort can arrive between them", async () => {
    const device = await open();
    const prepared = await device.prepare(program(device.createTensor("f32", [4], "x")));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    for (let i = 0; i < 300; i++) await device.run([prepared]);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  // Last: it ends the device.
  test("a lost device says so, again and again", async () => {
    const device = await open();
    const x = device.createTensor("f32", [4], "x");
    (device as WebGpuDevice).gpu.destroy();
    expect(await device.lost).toMatchObject({ code: "ERR_DEVICE_LOST" });
    await expect(device.read(x)).rejects.toThrow(/was lost \(destroyed/);
    await expect(device.read(x)).rejects.toMatchObject({ code: "ERR_DEVICE_LOST" });
    await device.dispose();
    await expect(device.read(x)).rejects.toThrow(DisposedError);
  });
});
