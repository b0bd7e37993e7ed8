/**
 * Sequences: states stay apart, generation can be repeated, interleaved and stopped. How long they may be is in
 * `long-sequence.node.test.ts`.
 */
import { type Device, DisposedError } from "@blackmamba/tensor";
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { OptionError, PromptError } from "./errors.ts";
import { goldenParts, text } from "./testing/golden.ts";

/** The golden model is so sure of itself that samples differ only at a high temperature. */
const HOT = 30;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

describe.each(testDevices())("sequences on $label", ({ open }) => {
  const load = async (device?: Device) =>
    BlackMamba.load(await goldenParts("blackmamba"), { device: device ?? (await open()) });

  test("states do not disturb each other", async () => {
    const model = await load();
    const [a, b] = [model.createState(), model.createState()];
    const alone = model.createState();
    await alone.advance(text(20));
    const expected = await alone.advance([7]);
    await alone.dispose();
    for (const id of text(20)) {
      // At the same time: they have to wait for each other.
      await Promise.all([a.advance([id]), b.advance([511 - id])]);
    }
    expectClose(await a.advance([7]), expected, 2e-5);
    await a.dispose();
    await expect(a.advance([1])).rejects.toThrow(DisposedError);
    await model.dispose();
  });

  test("generations may run at once, and give what each gives alone", async () => {
    const model = await load();
    const prompts = [text(9), text(30).reverse(), [3]];
    const options = { maxTokens: 12, temperature: HOT, seed: 5 };
    const alone = [];
    for (const prompt of prompts) alone.push(await collect(model.generate(prompt, options)));
    const together = await Promise.all(prompts.map((prompt) => collect(model.generate(prompt, options))));
    expect(together).toEqual(alone);
    expect(alone[0]).toHaveLength(12);
    await model.dispose();
  });

  test("the same seed gives the same ids, run after run, and after loading again", async () => {
    const run = async (seed: number) => {
      const model = await load();
      const ids = (await collect(model.generate(text(5), { maxTokens: 30, temperature: HOT, seed }))).map(
        ({ id }) => id,
      );
      await model.dispose();
      return ids;
    };
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  test("everything that was allocated is freed", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const model = await load(device);
    await collect(model.generate(text(40), { maxTokens: 3 }));
    // A reader that leaves early frees the state as well.
    for await (const _ of model.generate(text(3))) break;
    await model.logits(text(30));
    await model.trace(text(3));
    await model.dispose();
    await model.dispose();
    expect(device.allocatedByteLength).toBe(before);
    await expect(model.logits([1])).rejects.toThrow("model was disposed");
  });

  test("an abort ends a generation, and the model goes on", async () => {
    const model = await load();
    const controller = new AbortController();
    const ids: number[] = [];
    const generate = async () => {
      for await (const { id } of model.generate(text(4), { maxTokens: 1000, signal: controller.signal })) {
        ids.push(id);
        if (ids.length === 3) controller.abort();
      }
    };
    await expect(generate()).rejects.toMatchObject({ name: "AbortError" });
    expect(ids).toHaveLength(3);
    const aborted = { signal: AbortSignal.abort(new Error("no more")) };
    await expect(model.logits([1, 2], aborted)).rejects.toThrow("no more");
    await expect(model.createState().advance([1, 2], aborted)).rejects.toThrow("no more");
    expect(await collect(model.generate(text(4), { maxTokens: 3 }))).toHaveLength(3);
    await model.dispose();
  });

  test("an abort arrives between the chunks of a long prompt, and the state says how far it came", async () => {
    const model = await load();
    const state = model.createState();
    await state.advance(text(300));
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("too long")), 20);
    const advancing = state.advance(text(200_000), { signal: controller.signal });
    await expect(advancing).rejects.toThrow("too long");
    expect(state.position).toBeLessThan(200_000);
    await model.dispose();
  });

  test("disposing waits for the step that is under way; those that wait for their turn fail", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const model = await load(device);
    const state = model.createState();
    const underWay = state.advance(text(600));
    const waiting = model.logits([1, 2, 3]);
    waiting.catch(() => {});
    await Promise.resolve();
    await model.dispose();
    expect(await underWay).toHaveLength(512);
    await expect(waiting).rejects.toThrow("model was disposed");
    await device.settled();
    expect(device.allocatedByteLength).toBe(before);
  });

  test("what fails while programs are recorded may be tried again", async () => {
    const device = await open();
    const prepare = device.prepare.bind(device);
    device.prepare = () => Promise.reject(new Error("not now"));
    // Some are made ahead, and nobody waits for them yet.
    const model = await load(device);
    const before = device.allocatedByteLength;
    const state = model.createState();
    await expect(state.advance([1, 2])).rejects.toThrow("not now");
    device.prepare = prepare;
    expect(await state.advance([1, 2])).toHaveLength(512);
    await state.dispose();
    expect(before).toBeLessThanOrEqual(device.allocatedByteLength);
    await model.dispose();
  });

  test("loading can be aborted, and leaves nothing behind", async () => {
    const device = await open();
    const before = device.allocatedByteLength;
    const controller = new AbortController();
    const loading = BlackMamba.load(await goldenParts("blackmamba"), {
      device,
      signal: controller.signal,
      onProgress: ({ loadedBytes, totalBytes }) => {
        if (loadedBytes > totalBytes / 2) controller.abort(new Error("changed my mind"));
      },
    });
    await expect(loading).rejects.toThrow("changed my mind");
    expect(device.allocatedByteLength).toBe(before);
  });

  test("wrong ids, prompts and options are refused", async () => {
    const model = await load();
    await expect(model.logits([])).rejects.toThrow(PromptError);
    await expect(model.logits([1, 512])).rejects.toThrow(
      "token id 512 at position 1 is out of range: this model's ids are 0 to 511",
    );
    await expect(model.logits([-1])).rejects.toThrow(PromptError);
    await expect(model.logits([1.5])).rejects.toThrow(PromptError);
    const asIds = (value: unknown) => value as number[];
    await expect(model.logits(asIds(["1"]))).rejects.toThrow("at position 0: expected a number, found the string 1");
    await expect(model.logits(asIds(new Set([1])))).rejects.toThrow("expected an array of numbers, found object");
    await expect(model.generate(asIds(null)).next()).rejects.toThrow("expected an array of numbers, found null");
    await expect(model.generate("text").next()).rejects.toMatchObject({ code: "ERR_NO_TOKENIZER" });
    await expect(model.generate([1], { maxTokens: -1 }).next()).rejects.toThrow(OptionError);
    await expect(model.generate([1], { topP: 2 }).next()).rejects.toThrow(OptionError);
    await model.dispose();
  });
});
