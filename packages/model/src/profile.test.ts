import { testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

describe.each(testDevices())("a profile on $label", ({ open }) => {
  test("times every kernel call of a step, and the whole; a text in progress does not notice", async () => {
    const { parts } = await randomModel(SMALL_CONFIG, "bf16");
    const model = await BlackMamba.load(parts, { device: await open() });
    const state = model.createState();
    await state.advance([1, 2, 3]);
    for (const tokens of [1, 32]) {
      const { dispatches, kernels, stepUs } = await model.profile({ tokens, steps: 2 });
      expect(kernels).toHaveLength(dispatches);
      expect(kernels.map(({ kernel }) => kernel)).toContain("linear");
      for (const { durationUs } of kernels) expect(durationUs).toBeGreaterThanOrEqual(0);
      expect(stepUs).toBeGreaterThan(0);
    }
    const together = await model.profile({ sequences: 3 });
    expect(together.tokens).toBe(3);
    expect(together.kernels).toHaveLength(together.dispatches);
    const undisturbed = model.createState();
    await undisturbed.advance([1, 2, 3]);
    expect(await state.advance([4])).toEqual(await undisturbed.advance([4]));
    await expect(model.profile({ tokens: model.prefillChunk + 1 })).rejects.toThrow(
      `option tokens: expected a whole number from 1 to ${model.prefillChunk}`,
    );
    await expect(model.profile({ tokens: 2, sequences: 2 })).rejects.toThrow("option tokens: expected 1 with several");
    await expect(model.profile({ sequences: 0 })).rejects.toThrow(
      "option sequences: expected a whole number of at least 1",
    );
    await model.dispose();
  });

  test("of a state times its own next tokens", async () => {
    const { parts } = await randomModel(SMALL_CONFIG, "bf16");
    const model = await BlackMamba.load(parts, { device: await open() });
    const [state, same] = [model.createState(), model.createState()];
    for (const each of [state, same]) await each.advance([1, 2, 3]);
    const { dispatches, kernels, stepUs } = await model.profile({ state });
    expect(kernels).toHaveLength(dispatches);
    expect(stepUs).toBeGreaterThan(0);
    // It has gone on, from where it was.
    const [after, undisturbed] = [await state.advance([4]), await same.advance([4])];
    expect(after).not.toEqual(undisturbed);
    const empty = model.createState();
    await model.profile({ state: empty });
    expect(await empty.advance([4])).not.toEqual(after);
    const { parts: others } = await randomModel(SMALL_CONFIG, "bf16");
    const other = await BlackMamba.load(others, { device: model.device });
    await expect(other.profile({ state })).rejects.toThrow("profile: expected a state of this model, found one of");
    await expect(model.profile({ state, sequences: 2 })).rejects.toThrow("option state: expected none with several");
    await other.dispose();
    await model.dispose();
  });

  test("bytes of the weights are counted in their own types, of the experts one as active", async () => {
    const { parts } = await randomModel(SMALL_CONFIG, "bf16");
    const model = await BlackMamba.load(parts, { device: await open() });
    const { total, active } = model.byteLength;
    const expert = 2 * (2 * 64 * 32 + 32 * 64);
    expect(total - active).toBe(3 * expert);
    expect(total).toBeGreaterThan(2 * model.parameters.total);
    await model.dispose();
  });
});
