import { createCpuDevice } from "@blackmamba/tensor";
import { expect, test } from "vitest";
import { ScratchMemory } from "./scratch-memory.ts";

test("one user's tensors lie apart; the next has the smallest places that they fit", () => {
  const device = createCpuDevice();
  const memory = new ScratchMemory(device);
  const first = memory.nextUser();
  const [wide, narrow] = [first.createTensor("f32", [4, 8], "wide"), first.createTensor("f32", [4, 2], "narrow")];
  expect(narrow.storage).not.toBe(wide.storage);
  expect(device.allocatedByteLength).toBe(128 + 32);

  const second = memory.nextUser();
  const same = second.createTensor("u32", [8], "as large as narrow");
  expect(same.storage).toBe(narrow.storage);
  expect(same).toMatchObject({ dtype: "u32", shape: [8], rowStride: 8, values: { byteOffset: 0, byteLength: 32 } });
  expect(second.createTensor("f32", [3, 1], "small").storage).toBe(wide.storage);
  expect(device.allocatedByteLength).toBe(128 + 32);
  // Both places are taken now.
  expect(second.createTensor("f32", [1], "one more").storage.byteLength).toBe(4);
  expect(memory.nextUser().createTensor("f32", [100], "larger than all").storage.byteLength).toBe(400);
  expect(device.allocatedByteLength).toBe(128 + 32 + 4 + 400);
});
