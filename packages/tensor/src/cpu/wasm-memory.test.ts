import { expect, test } from "vitest";
import { reserveWasmMemory, WasmMemory } from "./wasm-memory.ts";

function reserve(): WasmMemory {
  const memory = reserveWasmMemory();
  if (!memory) throw new Error("no shared WebAssembly memory");
  return memory;
}

const take = (memory: WasmMemory, byteLength: number) => memory.allocate(byteLength) as number;

test("blocks are apart, aligned, within the memory, and their views survive its growth", () => {
  const memory = reserve();
  const small = take(memory, 100);
  const view = new Uint8Array(memory.buffer, small, 100).fill(7);
  const large = take(memory, 10_000_000);
  expect(small).toBeGreaterThan(0);
  expect(small % 64).toBe(0);
  expect(large).toBe(small + 128);
  expect(memory.buffer.byteLength).toBeGreaterThanOrEqual(large + 10_000_000 + 65536);
  expect([...view]).toEqual([...new Uint8Array(memory.buffer, small, 100)]);
});

test("freed blocks are joined, taken again where they fit best, and zero again", () => {
  const memory = reserve();
  const [a, b, c, d, e] = [64, 128, 64, 256, 64].map((byteLength) => take(memory, byteLength));
  new Uint8Array(memory.buffer, a, 576).fill(9);
  memory.free(b as number, 128);
  memory.free(d as number, 256);
  expect(take(memory, 200)).toBe(d);
  memory.free(d as number, 256);
  memory.free(c as number, 64);
  // b, c and d are one block now.
  expect(take(memory, 448)).toBe(b);
  expect(new Uint8Array(memory.buffer, b, 448).every((byte) => byte === 0)).toBe(true);
  expect(take(memory, 1)).toBe((e as number) + 64);
});

test("what does not fit is refused, and nothing is lost", () => {
  const memory = new WasmMemory(new WebAssembly.Memory({ initial: 1, maximum: 3, shared: true }), 3);
  const address = take(memory, 70_000);
  expect(memory.allocate(1_000, 150_000)).toBeUndefined();
  expect(memory.allocate(200_000)).toBeUndefined();
  memory.free(address, 70_000);
  expect(take(memory, 70_000)).toBe(address);
});
