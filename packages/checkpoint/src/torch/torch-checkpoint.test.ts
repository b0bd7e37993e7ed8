import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { storageLayout } from "@blackmamba/tensor";
import { describe, expect, it } from "vitest";
import { bytesSource } from "../byte-source.ts";
import type { CheckpointTensor } from "../checkpoint.ts";
import { openFile } from "../node.ts";
import { openSafetensors } from "../safetensors/safetensors-checkpoint.ts";
import { codedError } from "../testing/expect-error.ts";
import { GOLDEN, goldenHashes, goldenSource, type HashedTensor, sharedGoldenPath } from "../testing/golden.ts";
import { type TorchFile, torchEntries, torchFile } from "../testing/torch-bytes.ts";
import { zip } from "../testing/zip-bytes.ts";
import * as write from "./pickle-opcodes.ts";
import { tensorOpcodes } from "./tensor-opcodes.ts";
import { openTorchCheckpoint } from "./torch-checkpoint.ts";

function open(file: Uint8Array) {
  return openTorchCheckpoint(bytesSource(file, "test.bin"));
}

function refusal(file: Uint8Array) {
  return codedError(open(file));
}

/** 16-bit elements that are their own indices. */
function counting(count: number): Uint8Array {
  return new Uint8Array(Uint16Array.from({ length: count }, (_, index) => index).buffer);
}

async function elements(tensor: CheckpointTensor | undefined): Promise<number[]> {
  if (!tensor) throw new Error("no such tensor");
  const bytes = await tensor.read();
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  return [...new Uint16Array(bytes.buffer, 0, count)];
}

const small: TorchFile = {
  tensors: [
    { name: "a", storage: "0", shape: [2, 3] },
    { name: "b", storage: "1", shape: [4] },
  ],
  storages: { "0": counting(6), "1": counting(4) },
};

describe("golden checkpoints", () => {
  it.each(GOLDEN)("%s: every tensor is what the reference wrote, by its hash", async (folder) => {
    const checkpoint = await openTorchCheckpoint(await goldenSource(folder, "pytorch_model.bin"));
    const found: Record<string, HashedTensor> = {};
    for (const { name, dtype, shape, read } of checkpoint.tensors.values()) {
      const bytes = (await read()).subarray(0, storageLayout(dtype, shape).values.byteLength);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      found[name] = { dtype: dtype.toUpperCase(), shape, sha256 };
    }
    expect(found).toEqual(await goldenHashes(folder));
    expect(Object.keys(found)).toHaveLength(61);
  });

  it.for(GOLDEN)("%s: equals its safetensors twin bit by bit, where that is at hand", async (folder, { skip }) => {
    const path = sharedGoldenPath(folder, "model.safetensors");
    if (!existsSync(path)) skip(`${path} is not there`);
    const torch = await openTorchCheckpoint(await goldenSource(folder, "pytorch_model.bin"));
    const twin = await openSafetensors(await openFile(path));
    expect([...torch.tensors.keys()].sort()).toEqual([...twin.tensors.keys()].sort());
    for (const [name, tensor] of torch.tensors) {
      const other = twin.tensors.get(name);
      expect([tensor.dtype, tensor.shape]).toEqual([other?.dtype, other?.shape]);
      expect(Buffer.compare(await tensor.read(), (await other?.read()) ?? new Uint8Array())).toBe(0);
    }
    await twin.close();
  });

  it("is refused, never misread, when it is cut off", async () => {
    const whole = await (await goldenSource("blackmamba", "pytorch_model.bin")).read(0, 1_202_430);
    for (let length = 0; length < whole.length; length += 9_973) {
      const error = await refusal(whole.subarray(0, length));
      expect(["ERR_CHECKPOINT_TRUNCATED", "ERR_CHECKPOINT_EMPTY_FILE"]).toContain(error.code);
    }
  });
});

describe("openTorchCheckpoint", () => {
  it.each([
    ["a flat dict", {}],
    ['under "model"', { model: true }],
    ["zip64", { zip64: true }],
    ["without a byteorder entry", { byteOrder: null }],
    ["with any root folder", { root: "épreuve 1" }],
  ])("reads tensors: %s", async (_, change) => {
    const checkpoint = await open(torchFile({ ...small, ...change }));
    expect([...checkpoint.tensors.keys()]).toEqual(["a", "b"]);
    expect(await elements(checkpoint.tensors.get("a"))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(checkpoint.tensors.get("a")?.shape).toEqual([2, 3]);
    expect(await elements(checkpoint.tensors.get("b"))).toEqual([0, 1, 2, 3]);
  });

  it("reads views of one shared storage", async () => {
    const storages = { "0": counting(24) };
    const shared = { storage: "0", storageElements: 24 };
    const checkpoint = await open(
      torchFile({
        storages,
        tensors: [
          { name: "all", ...shared, shape: [4, 6] },
          { name: "second half", ...shared, offset: 12, shape: [2, 6] },
          { name: "transposed", ...shared, shape: [6, 4], strides: [1, 6] },
          { name: "columns", ...shared, offset: 4, shape: [4, 2], strides: [6, 1] },
          { name: "expanded", ...shared, offset: 5, shape: [3, 2], strides: [0, 1] },
          { name: "scalar", ...shared, offset: 23, shape: [] },
          { name: "empty", ...shared, shape: [0, 6], strides: [6, 1] },
        ],
      }),
    );
    const read = (name: string) => elements(checkpoint.tensors.get(name));
    expect(await read("second half")).toEqual([12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
    expect((await read("transposed")).slice(0, 8)).toEqual([0, 6, 12, 18, 1, 7, 13, 19]);
    expect(await read("columns")).toEqual([4, 5, 10, 11, 16, 17, 22, 23]);
    expect(await read("expanded")).toEqual([5, 6, 5, 6, 5, 6]);
    expect(await read("scalar")).toEqual([23]);
    expect(await read("empty")).toEqual([]);
    expect(await read("all")).toEqual(Array.from({ length: 24 }, (_, index) => index));
  });

  it("reads the three element types", async () => {
    const checkpoint = await open(
      torchFile({
        storages: { "0": 16, "1": 16, "2": 16 },
        tensors: [
          { name: "f32", storage: "0", storageClass: "Float", shape: [4] },
          { name: "f16", storage: "1", storageClass: "Half", shape: [8] },
          { name: "bf16", storage: "2", storageClass: "BFloat16", shape: [8] },
        ],
      }),
    );
    expect([...checkpoint.tensors.values()].map((tensor) => tensor.dtype)).toEqual(["f32", "f16", "bf16"]);
  });

  it("gives chunks in order, none larger than asked for, each a multiple of 4 but the last", async () => {
    const checkpoint = await open(
      torchFile({ storages: { "0": counting(101) }, tensors: [{ name: "x", storage: "0", shape: [101] }] }),
    );
    const sizes: number[] = [];
    for await (const { byteOffset, bytes } of checkpoint.tensors.get("x")?.chunks({ chunkByteLength: 39 }) ?? []) {
      expect(byteOffset).toBe(sizes.reduce((sum, size) => sum + size, 0));
      sizes.push(bytes.byteLength);
    }
    expect(sizes).toEqual([36, 36, 36, 36, 36, 22]);
  });

  it("refuses a chunk size that holds no element", async () => {
    const tensor = (await open(torchFile(small))).tensors.get("a");
    const first = async () => tensor?.chunks({ chunkByteLength: 3 })[Symbol.asyncIterator]().next();
    expect((await codedError(first())).code).toBe("ERR_CHECKPOINT_ARGUMENT");
  });

  it("keeps plain values of the top level as metadata and leaves the rest out", async () => {
    const stateDict = write.orderedDict([[write.text("w"), tensorOpcodes({ name: "w", storage: "0", shape: [2] })]]);
    const pickle = write.pickle(
      write.dict([
        [write.text("model"), stateDict],
        [write.text("step"), write.int(70_000)],
        [write.text("note"), write.text("hello")],
        [write.text("__proto__"), write.text("only a key")],
        [write.text("done"), write.bool(true)],
        [write.text("nothing"), write.none],
        [write.text("optimizer"), write.dict([])],
        [write.int(7), write.text("no name")],
      ]),
    );
    const checkpoint = await open(torchFile({ tensors: [], storages: { "0": 4 }, pickle }));
    expect([...checkpoint.tensors.keys()]).toEqual(["w"]);
    expect(Object.entries(checkpoint.metadata)).toEqual([
      ["step", "70000"],
      ["note", "hello"],
      ["__proto__", "only a key"],
      ["done", "true"],
    ]);
  });

  it("reads a state_dict with _metadata, as torch writes it", async () => {
    const stateDict = write.orderedDict([[write.text("w"), tensorOpcodes({ name: "w", storage: "0", shape: [2] })]]);
    const metadata = write.dict([[write.text("_metadata"), write.orderedDict([])]]);
    const pickle = write.pickle(write.build(stateDict, metadata));
    const checkpoint = await open(torchFile({ tensors: [], storages: { "0": counting(2) }, pickle }));
    expect(await elements(checkpoint.tensors.get("w"))).toEqual([0, 1]);
  });

  it("closes its source", async () => {
    let isClosed = false;
    const closeSource = async () => {
      isClosed = true;
    };
    const source = { ...bytesSource(torchFile(small)), close: closeSource };
    await (await openTorchCheckpoint(source)).close();
    expect(isClosed).toBe(true);
  });

  it("stops when aborted, at opening and in the middle", async () => {
    const file = torchFile(small);
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(openTorchCheckpoint(bytesSource(file), { signal: aborted })).rejects.toThrow("enough");
    const tensor = (await open(file)).tensors.get("a");
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _ of tensor?.chunks({ chunkByteLength: 4, signal: controller.signal }) ?? []) {
        controller.abort(new Error("enough now"));
      }
    })();
    await expect(reading).rejects.toThrow("enough now");
  });

  it("looks a storage up again after a failed read", async () => {
    const inner = bytesSource(torchFile(small));
    let isDown = false;
    const source = {
      ...inner,
      read: async (byteOffset: number, byteLength: number) => {
        if (isDown) throw new Error("down");
        return inner.read(byteOffset, byteLength);
      },
    };
    const tensor = (await openTorchCheckpoint(source)).tensors.get("b");
    isDown = true;
    await expect(tensor?.read()).rejects.toThrow("down");
    isDown = false;
    expect(await elements(tensor)).toEqual([0, 1, 2, 3]);
  });
});

describe("refusals", () => {
  const withTensor = (change: object): Uint8Array =>
    torchFile({ storages: { "0": 12 }, tensors: [{ name: "layer.weight", storage: "0", shape: [2, 3], ...change }] });

  it.each([
    ["an empty file", new Uint8Array(0), "EMPTY_FILE", "0 bytes"],
    ["three bytes", Uint8Array.of(0x50, 0x4b, 3), "TRUNCATED", "3 bytes"],
    ["no zip", new TextEncoder().encode("hello world"), "UNKNOWN_FORMAT", "no zip"],
    ["torch's old format", Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc), "LEGACY_TORCH", "weights_only=True"],
    ["a zip without a pickle", zip([{ name: "archive/version", content: 2 }]), "CONTENT", "no <folder>/data.pkl"],
    [
      "two pickles",
      zip(["a", "b"].map((root) => ({ name: `${root}/data.pkl`, content: 2 }))),
      "CONTENT",
      '"b/data.pkl"',
    ],
    ["big-endian bytes", torchFile({ ...small, byteOrder: "big" }), "BYTE_ORDER", '"big"'],
    ["a byte order of a page", torchFile({ ...small, byteOrder: "x".repeat(999) }), "LIMIT", "byteorder"],
    ["a huge pickle", zip([{ name: "a/data.pkl", content: 9_000_000 }]), "LIMIT", "data.pkl"],
    ["a storage that is not there", withTensor({ storage: "7" }), "MISSING_STORAGE", '"archive/data/7"'],
    ["a storage shorter than it says", withTensor({ storageElements: 7 }), "STORAGE_TOO_SMALL", "12 bytes"],
    ["a view beyond its storage", withTensor({ offset: 1, storageElements: 6 }), "STORAGE_TOO_SMALL", "element 7"],
    [
      "strides beyond the storage",
      withTensor({ strides: [4, 1], storageElements: 6 }),
      "STORAGE_TOO_SMALL",
      "element 7",
    ],
    ["a negative offset", withTensor({ offset: -1 }), "TENSOR_GEOMETRY", "layer.weight"],
    ["a negative size", withTensor({ shape: [2, -3], storageElements: 6 }), "TENSOR_GEOMETRY", "whole numbers"],
    ["a negative stride", withTensor({ strides: [-3, 1], storageElements: 6 }), "TENSOR_GEOMETRY", "whole numbers"],
    ["a negative storage size", withTensor({ storageElements: -6 }), "TENSOR_GEOMETRY", "whole numbers"],
    ["a size beyond 2^53", withTensor({ shape: [2 ** 60, 0], storageElements: 6 }), "TENSOR_GEOMETRY", "whole numbers"],
    ["fewer strides than sizes", withTensor({ strides: [1], storageElements: 6 }), "TENSOR_GEOMETRY", "2 sizes, but 1"],
    ["65 axes", withTensor({ shape: new Array(65).fill(1) }), "TENSOR_GEOMETRY", "whole numbers"],
    ["an expanded tensor of petabytes", withTensor({ shape: [2 ** 50], strides: [0] }), "LIMIT", "too large"],
    ["64-bit integers", withTensor({ storageClass: "Long" }), "FORBIDDEN_GLOBAL", '"torch.LongStorage"'],
    ["no tensors", torchFile({ tensors: [], storages: {} }), "CONTENT", "no keys found"],
  ])("%s", async (_, file, code, words) => {
    const error = await refusal(file);
    expect(error.code).toBe(`ERR_CHECKPOINT_${code}`);
    expect(error.message).toContain(words);
    expect(error.message).toContain("test.bin");
  });

  const withPickle = (value: write.Opcodes) => torchFile({ tensors: [], storages: {}, pickle: write.pickle(value) });
  const rebuild = write.global("torch._utils", "_rebuild_tensor_v2");

  it.each([
    [
      "os.system",
      withPickle(write.call(write.global("os", "system"), write.tuple(write.text("true")))),
      "FORBIDDEN_GLOBAL",
      '"os.system"',
    ],
    ["a pickled model", withPickle(write.global("__main__", "Model")), "FORBIDDEN_GLOBAL", '"__main__.Model"'],
    ["a list", withPickle(write.list()), "CONTENT", "no dict"],
    ["other keys", withPickle(write.dict([[write.text("state_dict"), write.dict([])]])), "CONTENT", '"state_dict"'],
    [
      "a tensor without a storage",
      withPickle(write.call(rebuild, write.tuple(...new Array(6).fill(write.int(0))))),
      "PICKLE",
      "not a storage",
    ],
    [
      "a tensor of two arguments",
      withPickle(write.call(rebuild, write.tuple(write.int(0), write.int(0)))),
      "PICKLE",
      "6 or 7",
    ],
    [
      "a called storage class",
      withPickle(write.call(write.global("torch", "HalfStorage"), write.tuple())),
      "PICKLE",
      "is called",
    ],
    ["another persistent id", withPickle(write.persistent(write.text("x"))), "PICKLE", "tuple of 5"],
    [
      "a storage of no class",
      withPickle(
        write.persistent(write.tuple(write.text("storage"), write.none, write.text("0"), write.none, write.int(1))),
      ),
      "PICKLE",
      "no element type",
    ],
    [
      "a tensor without a name",
      withPickle(write.dict([[write.int(1), tensorOpcodes({ name: "", storage: "0", shape: [1] })]])),
      "CONTENT",
      "no text",
    ],
  ])("%s", async (_, file, code, words) => {
    const error = await refusal(file);
    expect(error.code).toBe(`ERR_CHECKPOINT_${code}`);
    expect(error.message).toContain(words);
  });

  it("two tensors of one name", async () => {
    const twice = { ...small, tensors: [...small.tensors, { name: "a", storage: "1", shape: [4] }] };
    const error = await refusal(torchFile(twice));
    expect(error.code).toBe("ERR_CHECKPOINT_DUPLICATE_NAME");
    expect(error.message).toContain('"a"');
  });

  it.each(["data.pkl", "byteorder", "data/0"])("a deflated %s", async (name) => {
    const entries = torchEntries(small).map((entry) => (entry.name.endsWith(name) ? { ...entry, method: 8 } : entry));
    const error = await refusal(zip(entries));
    expect(error.code).toBe("ERR_CHECKPOINT_COMPRESSED_ENTRY");
    expect(error.message).toContain(`archive/${name}`);
  });

  it.each([small, { ...small, zip64: true }])("a file cut off at any byte", async (file) => {
    const whole = torchFile(file);
    for (let length = 4; length < whole.length; length++) {
      expect((await refusal(whole.subarray(0, length))).code).toBe("ERR_CHECKPOINT_TRUNCATED");
    }
  });
});
