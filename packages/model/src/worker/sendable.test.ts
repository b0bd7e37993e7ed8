import { createCpuDevice } from "@blackmamba/tensor";
import { expect, test } from "vitest";
import { pageAddress } from "../source/page-address.ts";
import { checkDevice, sendableSource } from "./sendable.ts";

test("names and whole addresses stay as they are", () => {
  for (const source of ["https://example.org/model/", "owner/model@main"]) expect(sendableSource(source)).toBe(source);
  expect(pageAddress("folder/model")).toBeUndefined();
});

test("parts that can be copied stay as they are", () => {
  const parts = { config: { hidden_size: 2 }, weights: [new Blob(["x"]), new Uint8Array(4)] };
  expect(sendableSource(parts)).toEqual(parts);
});

test("files stay files, a list of them becomes an array", () => {
  const file = new File(["x"], "model.gguf");
  expect(sendableSource(file)).toBe(file);
  const list = { length: 1, 0: file, item: () => file };
  expect(sendableSource(list)).toEqual([file]);
});

test("of a larger array, or of shared memory, only the part is taken", () => {
  const large = new Uint8Array(100).subarray(10, 14);
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  const { weights } = sendableSource({ weights: [large, shared] }) as unknown as { weights: Uint8Array[] };
  expect(weights.map(({ buffer }) => [buffer.constructor.name, buffer.byteLength])).toEqual([
    ["ArrayBuffer", 4],
    ["ArrayBuffer", 4],
  ]);
});

test("a range source and a device are refused", () => {
  const source = { name: "x", byteLength: 1, read: async () => new Uint8Array(1) };
  const message = "option weights: expected a Blob or bytes, which can be copied into a worker, found a range source";
  expect(() => sendableSource({ weights: source })).toThrow(message);
  expect(() => sendableSource({ weights: [source] })).toThrow(message);
  expect(() => checkDevice(createCpuDevice())).toThrow('option device: expected "auto", "webgpu" or "cpu"');
  checkDevice("cpu");
  checkDevice(undefined);
});
