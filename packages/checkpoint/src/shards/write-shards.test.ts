import { expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { ArgumentError, DuplicateNameError } from "../errors.ts";
import { quantizedTensor } from "../quantized-tensor.ts";
import { tensorFromBytes } from "../tensor-from.ts";
import { type MemorySink, memorySink } from "../testing/memory-sink.ts";
import { openShards } from "./open-shards.ts";
import { planShards } from "./plan-shards.ts";
import { parseShardIndex, shardFiles } from "./shard-index.ts";
import { writeShards } from "./write-shards.ts";

function tensor(name: string, elements: number) {
  const values = Float32Array.from({ length: elements }, (_, index) => index / 7 + name.length);
  return tensorFromBytes({ name, dtype: "f32", shape: [elements] }, new Uint8Array(values.buffer));
}

const sized = (...elements: number[]) => elements.map((count, index) => tensor(String(index), count));

test.each([
  // 4 bytes an element.
  { sizes: [10, 10, 10], most: 120, files: [[0, 1, 2]] },
  { sizes: [10, 10, 10], most: 119, files: [[0, 1], [2]] },
  { sizes: [10, 10, 10], most: 40, files: [[0], [1], [2]] },
  // What is too large for any file has one to itself; what fits goes on after it.
  { sizes: [5, 50, 5, 50], most: 40, files: [[1], [3], [0, 2]] },
  { sizes: [50], most: 1, files: [[0]] },
  { sizes: [], most: 1, files: [[]] },
])("$sizes elements, at most $most bytes: $files", ({ sizes, most, files }) => {
  const planned = planShards(sized(...sizes), most);
  expect(planned.map((shard) => shard.map(({ name }) => Number(name)))).toEqual(files);
});

async function written(tensors: Parameters<typeof writeShards>[0], shardByteLength: number, failAt?: string) {
  const sinks = new Map<string, MemorySink>();
  const progress: number[] = [];
  const open = async (file: string) => {
    const sink = memorySink(file === failAt ? 1 : undefined);
    sinks.set(file, sink);
    return sink;
  };
  const options = { shardByteLength, metadata: { format: "pt" } };
  const result = await writeShards(tensors, open, {
    ...options,
    onProgress: ({ writtenBytes, totalBytes }) => progress.push(writtenBytes / totalBytes),
  }).catch((error: Error) => error);
  return { result, sinks, progress };
}

test("several files and their index give the tensors back", async () => {
  const tensors = [tensor("b", 64), quantizedTensor(tensor("a", 64)), tensor("7", 32), tensor("c", 1)];
  const { result, sinks, progress } = await written(tensors, 256);
  const files = [1, 2].map((number) => `model-0000${number}-of-00002.safetensors`);
  const all = [...files, "model.safetensors.index.json"];
  const byteLength = [...sinks.values()].reduce((sum, sink) => sum + sink.bytes().length, 0);
  expect(result).toEqual({ files: all, byteLength });
  expect([...sinks.keys()]).toEqual(all);
  expect([...sinks.values()].map((sink) => sink.state())).toEqual(["closed", "closed", "closed"]);
  expect(progress.at(-1)).toBe(1);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));

  const text = new TextDecoder().decode(sinks.get("model.safetensors.index.json")!.bytes());
  const json = JSON.parse(text);
  // 64 values with two scales, of 2 bytes each.
  expect(json.metadata).toEqual({ total_size: 256 + 64 + 4 + 128 + 4 });
  expect(text.match(/"[^"]+": "model-/g)).toEqual(["7", "a", "a.scales", "b", "c"].map((name) => `"${name}": "model-`));
  const index = parseShardIndex(json, "index");
  expect(shardFiles(index)).toEqual(files);
  const checkpoint = await openShards(
    files.map((file) => bytesSource(sinks.get(file)!.bytes(), file)),
    { index },
  );
  expect(checkpoint.metadata).toEqual({ format: "pt" });
  for (const { name, dtype, read } of tensors) {
    expect(checkpoint.tensors.get(name)?.dtype).toBe(dtype);
    expect(await checkpoint.tensors.get(name)?.read()).toEqual(await read());
  }
});

test("what fits into one file is one, without an index", async () => {
  const { result, sinks } = await written([tensor("a", 8), tensor("b", 8)], 64);
  expect(result).toMatchObject({ files: ["model.safetensors"] });
  expect([...sinks.keys()]).toEqual(["model.safetensors"]);
});

test("a failure aborts the file that is being written, and there is no index", async () => {
  const { result, sinks } = await written(sized(10, 10, 10), 40, "model-00002-of-00003.safetensors");
  expect(String(result)).toContain("disk full");
  expect([...sinks].map(([, sink]) => sink.state())).toEqual(["closed", "aborted"]);
});

test("a name that occurs twice, and a size that is none, are refused before anything is opened", async () => {
  const twice = await written([tensor("a", 8), tensor("a", 8)], 32);
  expect(twice.result).toBeInstanceOf(DuplicateNameError);
  for (const size of [0, -1, Number.NaN]) expect((await written(sized(1), size)).result).toBeInstanceOf(ArgumentError);
  expect(twice.sinks.size).toBe(0);
});
