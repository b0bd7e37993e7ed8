/**
 * Length: a prompt at once equals token by token, and the state stays as small as it was. In Node only, for the time it
 * takes: the browser's turn is in `sequence.test.ts`.
 */
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { goldenParts, text } from "./testing/golden.ts";

describe.each(testDevices())("length on $label", ({ open }) => {
  const load = async () => BlackMamba.load(await goldenParts("blackmamba"), { device: await open() });

  test("prompts of 1 to 2,000 tokens at once equal token by token", async () => {
    const model = await load();
    const ids = text(2000);
    const lengths = [1, 2, 3, 4, 5, 511, 512, 513, 2000];
    const stepped = new Map<number, Float32Array>();
    const state = model.createState();
    for (const [t, id] of ids.entries()) {
      const logits = await state.advance([id]);
      if (lengths.includes(t + 1)) stepped.set(t + 1, logits);
    }
    const { vocab } = model.config;
    for (const length of lengths) {
      const prompt = ids.slice(0, length);
      const fresh = model.createState();
      const expected = stepped.get(length) ?? [];
      expectClose(await fresh.advance(prompt), expected, 2e-5, `after ${length} tokens`);
      expect(fresh.position).toBe(length);
      // What it carries on with is the same too.
      const next = [ids[length % 2000] as number];
      const again = model.createState();
      await again.advance(prompt.slice(0, Math.ceil(length / 3)));
      if (length > 1) await again.advance(prompt.slice(Math.ceil(length / 3)));
      expectClose(await again.advance(next), await fresh.advance(next), 2e-5, `one after ${length} tokens`);
      const all = await model.logits(prompt);
      expectClose(all.subarray(-vocab), expected, 2e-5, `of the last of all ${length} rows`);
    }
    await model.dispose();
  });

  test("a state has the same bytes after 10 tokens and after 100,000", async () => {
    const model = await load();
    const state = model.createState();
    await state.advance(text(10));
    const stateBytes = state.byteLength;
    // Two Mamba layers, 128 channels, 3 inputs and 16 states each, and the residual of the last token, float32.
    expect(stateBytes).toBe((2 * 128 * (3 + 16) + model.config.hidden) * 4);
    // A long prompt has a program of its own, which takes memory once.
    await state.advance(text(9_990));
    const deviceBytes = model.device.allocatedByteLength;
    await state.advance(text(90_000));
    expect(state.position).toBe(100_000);
    expect(state.byteLength).toBe(stateBytes);
    expect(model.device.allocatedByteLength).toBe(deviceBytes);
    await model.dispose();
  }, 600_000);
});
