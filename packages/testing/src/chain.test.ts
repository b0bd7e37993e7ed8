/**
 * What chains promise: the same results as one call after another, over any number of runs, and that a wait which would never end
 * does end. Kernels' own tests run each of them in a chain too. Here rather than beside the device, because it needs this package's
 * list of devices.
 */
import { columns, type Device, DeviceError, defineKernel, f32, Program, type Tensor } from "@blackmamba/tensor";
import { describe, expect, test } from "vitest";
import { testChainDevices } from "./devices.ts";

/** out[i] = Σ x + i, of rows of one length: each tile waits for all of x. */
const spreadSum = defineKernel<{ readonly out: Tensor; readonly x: Tensor }, { readonly forgetful?: boolean }>({
  name: "spread-sum",
  check() {},
  shader: ({ out, x }, { forgetful = false }, { chained, maxWorkgroupSize }) => {
    const width = x.shape[1] ?? 1;
    const perTile = 4;
    const put = chained ? "out_put(i, sum + f32(i));" : "out[i] = sum + f32(i);";
    const value = chained ? "x_at(j)" : "x[j]";
    return {
      bindings: [
        {
          name: "out",
          tensor: out,
          access: "read_write",
          type: chained ? "f32" : "array<f32>",
          exchanged: chained ? "own" : undefined,
        },
        {
          name: "x",
          tensor: x,
          access: "read",
          type: chained ? "f32" : "array<f32>",
          exchanged: chained ? "all" : undefined,
        },
      ],
      code: "",
      workgroupSize: chained ? maxWorkgroupSize : 1,
      main: `if (thread >= ${chained ? perTile : 1}u) { return; }
  let i = workgroup_id.x * ${chained ? perTile : 1}u + thread;
  if (i >= ${width}u) { return; }
  var sum = 0.0;
  for (var j = 0u; j < ${width}u; j++) { sum += ${value}; }
  ${forgetful ? "if (i == 1u) { return; }" : ""}
  ${put}`,
      workgroups: () => [chained ? Math.ceil(width / perTile) : width, 1, 1],
    };
  },
  reference: ({ out, x }) => {
    const sum = f32(x).reduce((a, b) => a + b, 0);
    f32(out).set(Float32Array.from(f32(out), (_, i) => sum + i));
  },
});

/** Calls spread-sum from tensor to tensor. */
function recordSums(tensors: readonly Tensor[], outputs: readonly Tensor[] | undefined): Program {
  const program = new Program("sums", { outputs });
  for (const [i, x] of tensors.slice(0, -1).entries()) {
    program.call(spreadSum, { out: tensors[i + 1] as Tensor, x }, {});
  }
  return program;
}

describe.each(testChainDevices())("on $label", ({ open }) => {
  const row = (device: Device, width: number) => device.createTensor("f32", [1, width], "row");

  test("a chain of more workgroups than are done at once gives what single calls give, run after run", async () => {
    const device = await open();
    // Small numbers, which float32 adds up exactly.
    const tensors = Array.from({ length: 4 }, () => row(device, 10));
    const [first, last] = [tensors[0] as Tensor, tensors.at(-1) as Tensor];
    const many = Array.from({ length: 3 }, () => row(device, 200));
    const before = device.allocatedByteLength;
    const chain = await device.prepare(recordSums(tensors, [last]));
    const single = await device.prepare(recordSums(tensors, undefined));
    expect([chain, single]).toMatchObject([
      { callCount: 3, dispatchCount: 1 },
      { callCount: 3, dispatchCount: 3 },
    ]);
    expect(device.allocatedByteLength).toBeGreaterThan(before);
    for (let run = 0; run < 5; run++) {
      await device.write(
        first,
        Float32Array.from({ length: 10 }, (_, i) => i + run),
      );
      await device.run([single]);
      const expected = await device.read(last);
      device.clear(last);
      await device.run([chain], { times: run + 1 });
      expect(await device.read(last)).toEqual(expected);
    }
    const long = await device.prepare(recordSums(many, [many.at(-1) as Tensor]));
    await device.run([long]);
    // The sum of 0 … 199, 200 times, and 0 … 199 once more.
    expect((await device.read(many.at(-1) as Tensor)).slice(0, 3)).toEqual(Float32Array.of(19900, 19901, 19902));
    for (const program of [chain, single, long]) program.dispose();
    chain.dispose();
    expect(device.allocatedByteLength).toBe(before);
    for (const { storage } of [...tensors, ...many]) storage.dispose();
  });

  test("what is in place at the start is read where it is, what others read later is kept, also parts of it", async () => {
    const device = await open();
    const [x, wide, out] = [row(device, 3), row(device, 6), row(device, 3)];
    await device.write(x, Float32Array.of(1, 2, 3));
    const [left, right] = [columns(wide, 0, 3), columns(wide, 3, 6)];
    const program = new Program("parts", { outputs: [wide] });
    program.call(spreadSum, { out: left, x }, {});
    program.call(spreadSum, { out: right, x: left }, {});
    program.call(spreadSum, { out, x: right }, {});
    const prepared = await device.prepare(program);
    expect(prepared.dispatchCount).toBe(1);
    await device.run([prepared]);
    expect([...(await device.read(wide))]).toEqual([6, 7, 8, 21, 22, 23]);
    // Nobody has asked for it.
    expect([...(await device.read(out))]).toEqual([0, 0, 0]);
    prepared.dispose();
  });

  test("a wait that would never end is given up, and told; the device goes on", async () => {
    const device = await open();
    const [x, between, out] = [row(device, 3), row(device, 3), row(device, 3)];
    const program = new Program("forgetful", { outputs: [out] });
    program.call(spreadSum, { out: between, x }, { forgetful: true });
    program.call(spreadSum, { out, x: between }, {});
    const prepared = await device.prepare(program);
    await device.run([prepared]);
    const failure = await device.read(out).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DeviceError);
    expect(String(failure)).toContain("has not let all workgroups of a chain go on");
    prepared.dispose();
    expect([...(await device.read(x))]).toEqual([0, 0, 0]);
    // Without chains, from now on.
    const again = await device.prepare(recordSums([x, between, out], [out]));
    expect(again.dispatchCount).toBe(2);
    await device.run([again]);
    expect([...(await device.read(out))]).toEqual([3, 4, 5]);
  }, 60_000);
});
