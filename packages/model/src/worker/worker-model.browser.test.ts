/** Models in real workers, against the same models without. */
import { type DeviceChoice, DeviceLostError, DisposedError, nextTurn } from "@blackmamba/tensor";
import { createFakeHub, expectBytes, makeCacheFolder, readFixture, readRepositoryFile } from "@blackmamba/testing";
import { describe, expect, inject, onTestFinished, test, vi } from "vitest";
import { BlackMamba as DirectModel } from "../blackmamba.ts";
import { describeModel as describeDirectly } from "../describe.ts";
import type { ModelSource } from "../source/open-model.ts";
import { goldenParts, text } from "../testing/golden.ts";
import { BlackMamba, describeModel, ModelFileError, OptionError, PromptError, WorkerError } from "./index.ts";
import type { WorkerLoadOptions } from "./worker-model.ts";

/** Its files, as Blobs. */
async function storyteller(): Promise<ModelSource> {
  const file = async (name: string) =>
    new Blob([(await readRepositoryFile(`packages/storyteller/model/${name}`)) as Uint8Array<ArrayBuffer>]);
  const [config, weights, tokenizer] = await Promise.all(
    ["config.json", "model.safetensors", "tokenizer.json"].map(file),
  );
  return { config, weights: weights as Blob, tokenizer };
}

async function load(source: ModelSource, options: WorkerLoadOptions = { device: "cpu" }): Promise<BlackMamba> {
  const model = await BlackMamba.load(source, options);
  onTestFinished(() => model.dispose());
  return model;
}

async function loadDirectly(source: ModelSource, device: DeviceChoice = "cpu"): Promise<DirectModel> {
  const model = await DirectModel.load(source, { device });
  onTestFinished(() => model.dispose());
  return model;
}

/** A worker that the test holds, to do it harm. */
function heldWorker() {
  const worker = new Worker(new URL("./entry.ts", import.meta.url), { type: "module" });
  return { worker, create: () => worker };
}

/** All tokens, and what is returned at their end. */
async function withReturn<T, R>(tokens: AsyncGenerator<T, R, undefined>): Promise<{ all: T[]; result: R }> {
  const all: T[] = [];
  for (;;) {
    const next = await tokens.next();
    if (next.done) return { all, result: next.value };
    all.push(next.value);
  }
}

async function idsOf(tokens: AsyncIterable<{ readonly id: number }>): Promise<number[]> {
  const ids = [];
  for await (const { id } of tokens) ids.push(id);
  return ids;
}

describe.each(inject("devices"))("a model in a worker on %s", (device) => {
  test("says, generates and computes what it does without", async () => {
    const parts = await goldenParts("blackmamba");
    const [model, direct] = [await load(parts, { device }), await loadDirectly(parts, device)];
    const { config, deviceReason, parameters, byteLength, prefillChunk, tokenizer } = direct;
    expect(model).toMatchObject({ config, deviceReason, parameters, byteLength, prefillChunk, tokenizer });
    expect(model.device).toEqual({ kind: device, name: direct.device.name, software: true });
    const prompt = text(20);
    expect(await idsOf(model.generate(prompt, { maxTokens: 30 }))).toEqual(
      await idsOf(direct.generate(prompt, { maxTokens: 30 })),
    );
    expect(await model.logits(prompt)).toEqual(await direct.logits(prompt));
    const onProgress = vi.fn();
    expect(await model.score(prompt, { top: 2, onProgress })).toEqual(await direct.score(prompt, { top: 2 }));
    expect(onProgress).toHaveBeenLastCalledWith({ scoredTokens: 19, totalTokens: 19 });
    expect(await model.trace(prompt)).toEqual(await direct.trace(prompt));
    const batch = { maxTokens: 10, temperature: 1, seed: 3 };
    const prompts = [text(5), Uint32Array.from(text(9))];
    expect(await idsOf(model.generateBatch(prompts, batch))).toEqual(await idsOf(direct.generateBatch(prompts, batch)));
    expect((await model.memory()).allocatedByteLength).toBeGreaterThanOrEqual(byteLength.total);
    expect(await model.profile({ tokens: 3 })).toMatchObject({ tokens: 3 });
  });
});

test("text and tokenizer are as without, and Blobs will do", async () => {
  const source = await storyteller();
  const [model, direct] = [await load(source), await loadDirectly(source)];
  const prompt = "Once upon a time — naïve";
  const ids = direct.tokenizer?.encodePrompt(prompt) ?? [];
  const { tokenizer } = model;
  expect(await tokenizer?.encodePrompt(prompt)).toEqual(ids);
  expect(await tokenizer?.encode(prompt)).toEqual(direct.tokenizer?.encode(prompt));
  expect(await tokenizer?.decode(ids)).toBe(prompt);
  expect(await tokenizer?.idToToken(ids[0] as number)).toBe("Once");
  expect(await tokenizer?.tokenToId("Once")).toBe(ids[0]);
  const { vocabSize, endTokenId } = direct.tokenizer ?? {};
  expect(tokenizer).toMatchObject({ vocabSize, endTokenId });
  const tokens = [];
  for await (const token of model.generate(prompt, { maxTokens: 12 })) tokens.push(token);
  const expected = [];
  for await (const token of direct.generate(prompt, { maxTokens: 12 })) expected.push(token);
  expect(tokens).toEqual(expected);
  const ended = await withReturn(model.generate(prompt, { maxTokens: 12, stopIds: [tokens[4]?.id as number] }));
  expect(ended.result).toEqual({ finishReason: "stop" });
  expect(ended.all.map(({ id }) => id)).toEqual(tokens.slice(0, 4).map(({ id }) => id));
  const batch = { maxTokens: 3, n: 2, logprobs: 1, seed: 1 };
  const sampled = await withReturn(model.generateBatch([prompt], batch));
  expect(sampled).toEqual(await withReturn(direct.generateBatch([prompt], batch)));
  expect(sampled.result).toEqual([{ finishReason: "length" }, { finishReason: "length" }]);
  expect(await describeModel(source)).toEqual(await describeDirectly(source));
});

test("files may be given as they are chosen or dropped on the page", async () => {
  const parts = await goldenParts("blackmamba");
  const dropped = new DataTransfer();
  dropped.items.add(new File([parts.config as Uint8Array<ArrayBuffer>], "config.json"));
  dropped.items.add(new File([parts.weights as Uint8Array<ArrayBuffer>], "pytorch_model.bin"));
  const [model, direct] = [await load(dropped.files), await loadDirectly(parts)];
  expect(await model.logits([1, 2, 3])).toEqual(await direct.logits([1, 2, 3]));
});

test("loading tells its progress, and an address may be relative to the page", async () => {
  const base = document.createElement("base");
  base.href = "/fixtures/";
  document.head.append(base);
  onTestFinished(() => base.remove());
  const seen: number[] = [];
  let totalBytes = 0;
  await load("./golden/blackmamba/", {
    device: "cpu",
    onProgress: (progress) => {
      seen.push(progress.loadedBytes);
      ({ totalBytes } = progress);
    },
  });
  expect(seen.length).toBeGreaterThan(1);
  expect(seen.at(-1)).toBe(totalBytes);
});

test("errors come with their class, code and message", async () => {
  const parts = await goldenParts("blackmamba");
  await expect(BlackMamba.load({ ...parts, config: new Blob(["{"]) })).rejects.toBeInstanceOf(ModelFileError);
  await expect(BlackMamba.load("https://")).rejects.toMatchObject({ code: "ERR_HTTP_ADDRESS" });
  await expect(BlackMamba.load("no folder at all")).rejects.toThrow(/^no folder at all: folders can only be loaded/);
  const model = await load(parts);
  await expect(model.logits([])).rejects.toBeInstanceOf(PromptError);
  await expect(model.generate("text").next()).rejects.toMatchObject({ code: "ERR_NO_TOKENIZER" });
  await expect(model.generate([1], { topP: 2 }).next()).rejects.toBeInstanceOf(OptionError);
  // None of these has done any harm.
  expect(await idsOf(model.generate([1], { maxTokens: 3 }))).toHaveLength(3);
});

test("what cannot be given to a worker is named", async () => {
  const direct = await loadDirectly(await goldenParts("blackmamba"));
  const refused = BlackMamba.load("owner/model", { device: direct.device as never });
  await expect(refused).rejects.toThrow("option device: expected");
  const hub = { fetch: () => fetch("/") } as object;
  await expect(BlackMamba.load("owner/model", { hub })).rejects.toThrow("option hub.fetch: expected");
  const model = await load(await goldenParts("blackmamba"));
  const unsendable = {
    state: direct.createState(),
    cache: direct.createPrefixCache(),
    logitProcessors: [() => {}],
  };
  for (const [name, value] of Object.entries(unsendable)) {
    const message = `option ${name}: expected none, as it cannot be given to a worker, found one`;
    const options: object = { [name]: value };
    await expect(model.generate([1], options).next()).rejects.toThrow(message);
    await expect(model.generateBatch([[1]], options).next()).rejects.toThrow(message);
  }
  const drafted = model.generate([1], { draft: { model: direct } } as object);
  await expect(drafted.next()).rejects.toThrow("option draft.model: expected none, as it cannot be given to a worker");
  expect(await idsOf(model.generate([1], { maxTokens: 2, draft: { lookup: true } }))).toHaveLength(2);
  // One that is left out by name is none.
  expect(await idsOf(model.generate([1], { maxTokens: 2, state: undefined } as object))).toHaveLength(2);
});

test("loading can be aborted, before the worker has started too", async () => {
  const parts = await goldenParts("blackmamba");
  const controller = new AbortController();
  const onProgress = () => controller.abort("stop");
  await expect(BlackMamba.load(parts, { device: "cpu", signal: controller.signal, onProgress })).rejects.toBe("stop");
  const early = new AbortController();
  const loading = BlackMamba.load(parts, { signal: early.signal });
  early.abort("early");
  await expect(loading).rejects.toBe("early");
});

test("what is under way can be aborted, and the model goes on", async () => {
  const model = await load(await storyteller());
  const before = (await model.memory()).allocatedByteLength;
  const ids = Array.from({ length: 4000 }, (_, i) => i);
  for (const start of [
    (signal: AbortSignal) => model.trace(ids.slice(0, 1000), { signal }),
    (signal: AbortSignal) => model.logits(ids.slice(0, 1000), { signal }),
    (signal: AbortSignal) => model.generate(ids, { signal }).next(),
  ]) {
    const controller = new AbortController();
    const running = start(controller.signal);
    setTimeout(() => controller.abort("stop"), 20);
    await expect(running).rejects.toBe("stop");
  }
  const tokens: number[] = [];
  for await (const { id } of model.generate(ids.slice(0, 3), { maxTokens: 10_000 })) if (tokens.push(id) === 5) break;
  expect(tokens).toHaveLength(5);
  // Sequences are freed; what the engine keeps to compute with stays.
  const after = (await model.memory()).allocatedByteLength;
  expect(await idsOf(model.generate(ids.slice(0, 3), { maxTokens: 5 }))).toEqual(tokens);
  expect((await model.memory()).allocatedByteLength).toBe(after);
  expect(after).toBeGreaterThanOrEqual(before);
});

test("the page has its turn all the time while a prompt is read", async () => {
  const source = await storyteller();
  const [model, direct] = [await load(source), await loadDirectly(source)];
  const ids = Array.from({ length: 300 }, (_, i) => i);
  const turnsWhile = async (work: Promise<unknown>) => {
    let [turns, isDone] = [0, false];
    const done = work.then(() => {
      isDone = true;
    });
    while (!isDone) {
      await nextTurn();
      turns += 1;
    }
    await done;
    return turns;
  };
  const options = { maxTokens: 1 };
  const blocked = await turnsWhile(idsOf(direct.generate(ids, options)));
  expect(await turnsWhile(idsOf(model.generate(ids, options)))).toBeGreaterThan(10 * blocked);
});

test("two workers do not know of each other", async () => {
  const parts = await goldenParts("blackmamba");
  const models = await Promise.all([load(parts), load(parts)]);
  const [one, other] = await Promise.all(models.map((model) => idsOf(model.generate(text(8), { maxTokens: 40 }))));
  expect(one).toEqual(other);
  await models[0].dispose();
  expect(await idsOf(models[1].generate(text(8), { maxTokens: 40 }))).toEqual(one);
});

test("after dispose nothing works, and what waits says why", async () => {
  const model = await load(await storyteller());
  const waiting = model.logits(Array.from({ length: 1000 }, (_, i) => i));
  const refused = waiting.then(
    () => "computed",
    (error) => error,
  );
  const endless = model.generate([1], { maxTokens: 1e9 });
  const generated = idsOf(endless).catch((error) => error);
  await Promise.all([model.dispose(), model.dispose()]);
  expect(await refused).toBeInstanceOf(DisposedError);
  expect(await generated).toBeInstanceOf(DisposedError);
  await expect(model.logits([1])).rejects.toBeInstanceOf(DisposedError);
  await expect(model.generate([1]).next()).rejects.toBeInstanceOf(DisposedError);
});

test("a worker that is killed is noticed by all that waits", async () => {
  const { worker, create } = heldWorker();
  const model = await load(await storyteller(), { device: "cpu", worker: create });
  const ids = Array.from({ length: 4000 }, (_, i) => i);
  const waiting = [model.logits(ids), model.generate(ids).next(), model.tokenizer?.encode("x")];
  const settled = Promise.allSettled(waiting);
  worker.terminate();
  for (const outcome of await settled) {
    // What was answered before is answered.
    if (outcome.status === "rejected") expect(outcome.reason).toBeInstanceOf(WorkerError);
  }
  await expect(waiting[0]).rejects.toMatchObject({ code: "ERR_WORKER" });
  await expect(model.memory()).rejects.toBeInstanceOf(WorkerError);
  await model.dispose();
});

test.each(inject("devices").filter((device) => device === "webgpu"))(
  "a worker whose %s is lost loads the model again, and the page knows of it",
  async (device) => {
    const parts = await goldenParts("blackmamba");
    const worker = () => new Worker(new URL("../testing/losing-worker.ts", import.meta.url), { type: "module" });
    const told: unknown[] = [];
    const model = await load(parts, { device, worker, onDeviceLost: (error) => told.push(error) });
    const names = [model.device.name];
    const options = { maxTokens: 12 };
    const expected = await idsOf(model.generate(text(8), options));
    const losing = new BroadcastChannel("lose-device");
    const ids: number[] = [];
    for await (const { id } of model.generate(text(8), options)) {
      if (ids.push(id) === 1) losing.postMessage("now");
    }
    losing.close();
    names.push(model.device.name);
    expect(ids).toEqual(expected);
    expect(told).toEqual([expect.any(DeviceLostError)]);
    expect(names).toEqual(["adapter 1", "adapter 2"]);
    expect(model.deviceReason).toContain("adapter 2");
  },
);

test("a worker that fails on its own is noticed", async () => {
  const url = URL.createObjectURL(new Blob(["throw new Error('no good')"], { type: "text/javascript" }));
  onTestFinished(() => URL.revokeObjectURL(url));
  const loading = BlackMamba.load("owner/model", { worker: () => new Worker(url, { type: "module" }) });
  await expect(loading).rejects.toThrow(/^the model's worker failed: .*no good/);
  await expect(loading).rejects.toBeInstanceOf(WorkerError);
});

test("a model on a hub is fetched by the worker, into the cache of the page", async () => {
  const files = {
    "config.json": await readFixture("golden/blackmamba/config.json"),
    "pytorch_model.bin": await readFixture("golden/blackmamba/pytorch_model.bin"),
  };
  const hub = { endpoint: "https://hub.test", cacheFolder: await makeCacheFolder() };
  const seen: number[] = [];
  const worker = () => new Worker(new URL("../testing/hub-worker.ts", import.meta.url), { type: "module" });
  const options = {
    device: "cpu",
    hub,
    onFetch: (p: { fetchedBytes: number }) => void seen.push(p.fetchedBytes),
  } as const;
  const model = await load("owner/model", { ...options, worker });
  expect(seen.at(-1)).toBe(files["pytorch_model.bin"].byteLength);
  // Without a worker, and without a hub: from the same cache.
  const offline = createFakeHub({ models: {} });
  const direct = await DirectModel.load("owner/model", {
    device: "cpu",
    hub: { ...hub, fetch: offline.fetch, isOffline: true },
  });
  onTestFinished(() => direct.dispose());
  const ids = text(12);
  const [inWorker, here] = [await model.logits(ids), await direct.logits(ids)];
  expectBytes(new Uint8Array(inWorker.buffer), new Uint8Array(here.buffer));
});
