import { expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { DuplicateNameError, ShardError } from "../errors.ts";
import { writeSafetensors } from "../safetensors/write-safetensors.ts";
import { tensorFromBytes } from "../tensor-from.ts";
import { memorySink } from "../testing/memory-sink.ts";
import { openShards } from "./open-shards.ts";
import { parseShardIndex, shardFiles } from "./shard-index.ts";

async function shard(file: string, ...names: string[]) {
  const sink = memorySink();
  const tensors = names.map((name) =>
    tensorFromBytes({ name, dtype: "f32", shape: [1] }, new Uint8Array(Float32Array.of(name.length).buffer)),
  );
  await writeSafetensors(tensors, sink, { metadata: { format: "pt", [file]: "yes" } });
  let isClosed = false;
  const close = async () => {
    isClosed = true;
  };
  const source = bytesSource(sink.bytes(), `folder/${file}`);
  return { ...source, close, isClosed: () => isClosed };
}

const index = parseShardIndex({ metadata: {}, weight_map: { a: "1.safetensors", bb: "2.safetensors" } }, "i.json");

test("files become one checkpoint, which closes them", async () => {
  const files = [await shard("2.safetensors", "bb", "ccc"), await shard("1.safetensors", "a")];
  const checkpoint = await openShards(files, { index });
  expect([...checkpoint.tensors.keys()].sort()).toEqual(["a", "bb", "ccc"]);
  expect(new Float32Array((await checkpoint.tensors.get("ccc")?.read())?.buffer as ArrayBuffer)[0]).toBe(3);
  expect(checkpoint.name).toBe("i.json");
  expect(checkpoint.metadata).toMatchObject({ format: "pt", "1.safetensors": "yes", "2.safetensors": "yes" });
  await checkpoint.close();
  expect(files.map(({ isClosed }) => isClosed())).toEqual([true, true]);
});

test("what does not belong together is refused, and stays open", async () => {
  const [one, two] = [await shard("1.safetensors", "a"), await shard("2.safetensors", "x")];
  await expect(openShards([one], { index })).rejects.toThrow(
    'i.json: tensor "bb" is in 2.safetensors, which is not among',
  );
  await expect(openShards([one, two], { index })).rejects.toThrow('i.json: tensor "bb" is not in 2.safetensors');
  await expect(openShards([one, await shard("3.safetensors", "a")])).rejects.toThrow(DuplicateNameError);
  await expect(openShards([])).rejects.toThrow(ShardError);
  expect(one.isClosed()).toBe(false);
  // Without names the index says no more than which tensors there are.
  const nameless = (source: typeof one) => ({ ...source, name: "blob" });
  await expect(openShards([nameless(one)], { index })).rejects.toThrow('tensor "bb" is not in any of the files');
  const both = await openShards([nameless(two), nameless(one), nameless(await shard("", "bb"))], { index });
  expect(both.tensors.size).toBe(3);
});

test("an index names its files, each once", () => {
  expect(shardFiles(index)).toEqual(["1.safetensors", "2.safetensors"]);
});

test.each([
  null,
  [],
  {},
  { weight_map: [] },
  { weight_map: {} },
  { weight_map: { a: 1 } },
  { weight_map: { a: "" } },
  { weight_map: { a: "../other/model.safetensors" } },
  { weight_map: { a: "/etc/passwd" } },
  { weight_map: { a: "..\\model.safetensors" } },
  { weight_map: { a: "c:model.safetensors" } },
  { weight_map: { a: ".." } },
  { weight_map: { a: "a.bin\0" } },
])("%o is no index", (json) => {
  expect(() => parseShardIndex(json, "i.json")).toThrow(ShardError);
});

test("a file's name that is nested too deep to be written is refused", () => {
  const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000));
  expect(() => parseShardIndex({ weight_map: { a: deep } }, "i.json")).toThrow("without a path, found object");
});

test("a tensor may be called as any object's property is", () => {
  const { files } = parseShardIndex(JSON.parse('{"weight_map": {"__proto__": "a.bin", "constructor": "b.bin"}}'), "i");
  expect([...files]).toEqual([
    ["__proto__", "a.bin"],
    ["constructor", "b.bin"],
  ]);
});
