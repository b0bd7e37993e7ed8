import type { DType } from "@blackmamba/tensor";
import { expect, test } from "vitest";
import { bytesSource } from "../byte-source.ts";
import { DuplicateNameError, UnsupportedDtypeError } from "../errors.ts";
import type { WriteProgress } from "../safetensors/write-safetensors.ts";
import { tensorFromBytes, tensorFromChunks } from "../tensor-from.ts";
import { memorySink } from "../testing/memory-sink.ts";
import { readPickle } from "./pickle.ts";
import { openTorchCheckpoint } from "./torch-checkpoint.ts";
import { loadStorage, TensorRecord, TORCH_GLOBALS } from "./torch-globals.ts";
import { writeTorch } from "./write-torch.ts";
import { readZipDirectory } from "./zip-directory.ts";

const BYTES: Partial<Record<DType, number>> = { f32: 4, f16: 2, bf16: 2 };

function tensor(name: string, dtype: DType, shape: readonly number[]) {
  const byteLength = (BYTES[dtype] ?? 4) * shape.reduce((a, b) => a * b, 1);
  return tensorFromBytes(
    { name, dtype, shape },
    Uint8Array.from({ length: Math.ceil(byteLength / 4) * 4 }, (_, i) => (i < byteLength ? i * 7 + shape.length : 0)),
  );
}

const TENSORS = [
  ...[tensor("embedding.weight", "bf16", [5, 3]), tensor("a", "f32", [2, 1, 4]), tensor("half", "f16", [7])],
  ...[tensor("scalar", "f32", []), tensor("empty", "bf16", [0, 4]), tensor("long", "bf16", [300])],
];

async function written(key?: string) {
  const sink = memorySink();
  const steps: WriteProgress[] = [];
  const byteLength = await writeTorch(TENSORS, sink, { key, onProgress: (step) => steps.push(step) });
  expect(sink.state()).toBe("closed");
  expect(sink.bytes()).toHaveLength(byteLength);
  const total = TENSORS.reduce((sum, { dtype, shape }) => sum + BYTES[dtype]! * shape.reduce((a, b) => a * b, 1), 0);
  expect(steps.at(-1)).toEqual({ writtenBytes: total, totalBytes: total, tensor: "long" });
  return sink.bytes();
}

test.each([undefined, "model"])("tensors come out as they went in, under the key %s", async (key) => {
  const checkpoint = await openTorchCheckpoint(bytesSource(await written(key)));
  expect([...checkpoint.tensors.keys()]).toEqual(TENSORS.map(({ name }) => name));
  for (const { name, dtype, shape, read } of TENSORS) {
    const found = checkpoint.tensors.get(name);
    expect(found).toMatchObject({ name, dtype, shape });
    expect(await found?.read()).toEqual(await read());
  }
});

test("the file is what torch.save makes: entries, a pickle of protocol 2, one storage for each tensor", async () => {
  const source = bytesSource(await written("model"));
  const zip = await readZipDirectory(source);
  const names = ["data.pkl", "byteorder", ...TENSORS.map((_, index) => `data/${index}`), "version"];
  expect([...zip.entries.keys()]).toEqual(names.map((name) => `pytorch_model/${name}`));
  const entry = zip.entries.get("pytorch_model/data.pkl")!;
  const bytes = await source.read(await zip.locate(entry), entry.byteLength);
  expect([...bytes.subarray(0, 2)]).toEqual([0x80, 2]);
  const pickled = readPickle(bytes, { globals: TORCH_GLOBALS, persistentLoad: loadStorage }) as Map<string, unknown>;
  expect([...pickled.keys()]).toEqual(["model"]);
  const records = pickled.get("model") as Map<string, TensorRecord>;
  expect(records.get("a")).toEqual(
    new TensorRecord({ dtype: "f32", key: "1", elementCount: 8 }, 0, [2, 1, 4], [4, 4, 1]),
  );
});

test("a failure leaves nothing", async () => {
  const failing = async (...tensors: typeof TENSORS) => {
    const sink = memorySink();
    const error = await writeTorch(tensors, sink).catch((reason: Error) => reason);
    expect(sink.state()).toBe("aborted");
    return error;
  };
  expect(await failing(TENSORS[0]!, TENSORS[0]!)).toBeInstanceOf(DuplicateNameError);
  expect(String(await failing(tensor("q", "u32", [1])))).toContain("u32; f32, f16, bf16 expected");
  const quantized = tensorFromBytes({ name: "q", dtype: "q8_0", shape: [32] }, new Uint8Array(260));
  expect(await failing(quantized)).toBeInstanceOf(UnsupportedDtypeError);
  const short = tensorFromChunks({ name: "short", dtype: "f32", shape: [4] }, async function* () {
    yield { byteOffset: 0, bytes: new Uint8Array(8) };
  });
  expect(String(await failing(short))).toContain("short: its chunks end at byte 8, 16 bytes expected");
  const long = tensorFromChunks({ name: "long", dtype: "f32", shape: [1] }, async function* () {
    yield { byteOffset: 0, bytes: new Uint8Array(8) };
  });
  expect(String(await failing(long))).toContain("long: bytes from 0 to 4 expected, 8 at 0 found");
});

test("may be aborted", async () => {
  const stop = new AbortController();
  const sink = memorySink();
  const onProgress = () => stop.abort(new Error("enough"));
  await expect(writeTorch(TENSORS, sink, { signal: stop.signal, onProgress })).rejects.toThrow("enough");
  expect(sink.state()).toBe("aborted");
});
