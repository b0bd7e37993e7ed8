/** Models given by a text: an address, or a name on a hub. Paths are in the command's tests. */
import { createCpuDevice } from "@blackmamba/tensor";
import {
  createFakeHub,
  type FakeHub,
  fileResponse,
  makeCacheFolder,
  readFixture,
  readRepositoryFile,
} from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "../blackmamba.ts";
import { describeModel } from "../describe.ts";
import type { LoadOptions } from "../load-model.ts";
import { goldenParts, text } from "../testing/golden.ts";
import { randomModel } from "../testing/random-model.ts";
import { SMALL_CONFIG } from "../testing/small-config.ts";

/** Within the smallest of the vocabularies. */
const ids = text(12).map((id) => id % 300);
const encode = (value: object) => new TextEncoder().encode(JSON.stringify(value));

async function logitsOf(
  source: Parameters<typeof BlackMamba.load>[0],
  options: LoadOptions = {},
): Promise<Float32Array> {
  const device = createCpuDevice();
  const model = await BlackMamba.load(source, { ...options, device });
  const logits = await model.logits(ids);
  await model.dispose();
  await device.dispose();
  return logits;
}

/** A folder of `fixtures/golden`, by file. */
async function goldenFiles(name: string, files: readonly string[]): Promise<Record<string, Uint8Array>> {
  const entries = files.map(async (file) => [file, await readFixture(`golden/${name}/${file}`)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

const SHARDED = [
  "config.json",
  "model.safetensors.index.json",
  ...[1, 2, 3].map((shard) => `model-0000${shard}-of-00003.safetensors`),
];

async function onHub(hub: FakeHub): Promise<LoadOptions> {
  const cacheFolder = await makeCacheFolder();
  return { hub: { endpoint: "https://hub.test", fetch: hub.fetch, isOffline: false, cacheFolder } };
}

/** Serves files below `/models/`, and nothing else. */
function serving(files: Readonly<Record<string, Uint8Array>>): LoadOptions {
  const answer: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const bytes = files[new URL(request.url).pathname.replace("/models/", "")];
    return bytes ? fileResponse(request, { bytes, oid: "x" }, true) : new Response("", { status: 404 });
  };
  return { hub: { fetch: answer } };
}

describe("a model on a hub", () => {
  test("has the same logits as its files, and the second time nothing is fetched", async () => {
    const files = await goldenFiles("blackmamba", ["config.json", "pytorch_model.bin"]);
    const hub = createFakeHub({ models: { "owner/model": files } });
    const seen: number[] = [];
    const options = {
      ...(await onHub(hub)),
      onFetch: ({ fetchedBytes }: { fetchedBytes: number }) => void seen.push(fetchedBytes),
    };
    const expected = await logitsOf(await goldenParts("blackmamba"));
    expect(await logitsOf("owner/model", options)).toEqual(expected);
    expect(seen.at(-1)).toBe(files["pytorch_model.bin"]?.byteLength);
    const before = hub.requests.length;
    expect(await logitsOf("owner/model@main", options)).toEqual(expected);
    expect(hub.requests.slice(before).filter((request) => /resolve|cdn/.test(request))).toEqual([]);
  });

  test("may be in several files", async () => {
    const files = await goldenFiles("mamba-hf-sharded", SHARDED);
    const hub = createFakeHub({ models: { "owner/sharded": files } });
    const { [SHARDED[0] as string]: config, [SHARDED[1] as string]: weightsIndex, ...shards } = files;
    const weights = Object.entries(shards).map(([name, bytes]) => new File([bytes as Uint8Array<ArrayBuffer>], name));
    expect(await logitsOf("owner/sharded", await onHub(hub))).toEqual(
      await logitsOf({ config, weightsIndex, weights }),
    );
  });

  test("is not used if a byte of it is wrong", async () => {
    const files = await goldenFiles("blackmamba", ["config.json", "pytorch_model.bin"]);
    const hub = createFakeHub({ models: { "owner/model": files } });
    const wrong = (files["pytorch_model.bin"] as Uint8Array).slice();
    // Among the weights, which say nothing about it.
    wrong[20_000] = (wrong[20_000] ?? 0) ^ 1;
    hub.corrupt("pytorch_model.bin", wrong);
    const error = await logitsOf("owner/model", await onHub(hub)).catch((reason) => reason);
    expect(error.code).toBe("ERR_HUB_HASH");
    expect(error.message).toMatch(/^owner\/model\/pytorch_model.bin: sha256 /);
  });

  test("that comes without a tokenizer gets the one its layout was published with", async () => {
    const config = { ...SMALL_CONFIG, vocab_size: 50_304 };
    const { parts } = await randomModel(config, "bf16");
    const weights = new Uint8Array(await (parts.weights as Blob).arrayBuffer());
    const tokenizer = await readRepositoryFile("packages/storyteller/model/tokenizer.json");
    const models = {
      "owner/model": { "config.json": encode(config), "model.safetensors": weights },
      "EleutherAI/gpt-neox-20b": { "tokenizer.json": tokenizer },
    };
    const options = await onHub(createFakeHub({ models }));
    expect((await describeModel("owner/model", options)).hasTokenizer).toBe(true);
    const without = { "owner/other": { "config.json": encode({ ...config, vocab_size: 64 }) } };
    const small = await randomModel({ ...config, vocab_size: 64 }, "bf16");
    const smallWeights = new Uint8Array(await (small.parts.weights as Blob).arrayBuffer());
    const other = createFakeHub({
      models: { "owner/other": { ...without["owner/other"], "model.safetensors": smallWeights } },
    });
    expect((await describeModel("owner/other", await onHub(other))).hasTokenizer).toBe(false);
  });

  test("that does not exist may have been meant as a path", async () => {
    const options = await onHub(createFakeHub({ models: {} }));
    await expect(BlackMamba.load("some/folder", options)).rejects.toThrow(
      "some/folder: there is no such folder here; on the hub: some/folder: https://hub.test has no such model or revision (status 404); ",
    );
  });
});

describe("a model at an address", () => {
  test("is read from its folder", async () => {
    const files = await goldenFiles("blackmamba", ["config.json", "pytorch_model.bin"]);
    const expected = await logitsOf(await goldenParts("blackmamba"));
    expect(await logitsOf("https://host.test/models/", serving(files))).toEqual(expected);
    expect(await logitsOf("https://host.test/models/pytorch_model.bin", serving(files))).toEqual(expected);
  });

  test("may be in several files", async () => {
    const files = await goldenFiles("mamba-hf-sharded", SHARDED);
    const byHub = await logitsOf("o/s", await onHub(createFakeHub({ models: { "o/s": files } })));
    expect(await logitsOf("https://host.test/models", serving(files))).toEqual(byHub);
    const { [SHARDED[3] as string]: _, ...fewer } = files;
    await expect(BlackMamba.load("https://host.test/models", serving(fewer))).rejects.toThrow(
      "https://host.test/models/model-00002-of-00003.safetensors: the server answers with status 404; check the address",
    );
  });

  test("may have a dot in its folder's name, or signs that are no text in its file's", async () => {
    const files = await goldenFiles("blackmamba", ["config.json", "pytorch_model.bin"]);
    const [config, weights] = [files["config.json"], files["pytorch_model.bin"]] as [Uint8Array, Uint8Array];
    const inFolder = { "BlackMamba-1.5B/config.json": config, "BlackMamba-1.5B/pytorch_model.bin": weights };
    const expected = await logitsOf("https://host.test/models/", serving(files));
    expect(await logitsOf("https://host.test/models/BlackMamba-1.5B", serving(inFolder))).toEqual(expected);
    const odd = { "config.json": config, "100%.bin": weights };
    expect(await logitsOf("https://host.test/models/100%.bin", serving(odd))).toEqual(expected);
    await expect(BlackMamba.load("https://", serving({}))).rejects.toMatchObject({ code: "ERR_HTTP_ADDRESS" });
  });

  test("that has nothing there is refused", async () => {
    await expect(BlackMamba.load("https://host.test/models", serving({}))).rejects.toThrow(
      "https://host.test/models/: config.json is missing: expected config.json, found an empty folder",
    );
  });
});
