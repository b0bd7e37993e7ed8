/**
 * Prompts of any length, by each of the programs for prompts, against the plain model.
 */
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { plainLogits } from "./testing/plain-model.ts";
import { randomModel } from "./testing/random-model.ts";
import { SMALL_CONFIG } from "./testing/small-config.ts";

describe.each(testDevices())("prompts on $label", ({ open }) => {
  test.each([
    { layers: ["r", "4", "1", "2"], software: true, prefillChunk: 256 },
    // The programs that a GPU gets, with shaders that are compiled quickly: mixers that take turns in memory, and that cannot.
    { layers: ["r", "4", "1", "2"], software: false, prefillChunk: 1024 },
    { layers: ["r4", "2"], software: false, prefillChunk: 1024 },
  ])("in pieces of many lengths, layers $layers, software: $software", async ({ layers, software, prefillChunk }) => {
    const config = { ...SMALL_CONFIG, num_layers: layers.length, mamba_moe_layers: layers };
    const { parts, weights } = await randomModel(config, "bf16");
    const model = await BlackMamba.load(parts, { device: Object.assign(await open(), { software }) });
    expect(model.prefillChunk).toBe(prefillChunk);
    const pieces = [3, 1030, 1, 64, 65, 256, 257, 2];
    const ids = Array.from({ length: pieces.reduce((a, b) => a + b) }, (_, t) => (t * t * 7 + 3) % config.vocab_size);
    const expected = plainLogits(config, weights, ids);
    const state = model.createState();
    for (const piece of pieces) {
      const end = state.position + piece;
      const logits = await state.advance(ids.slice(state.position, end));
      const wanted = expected.slice((end - 1) * config.vocab_size, end * config.vocab_size);
      expectClose(logits, wanted, 2e-5, `after ${end} tokens`);
    }
    expectClose(await model.logits(ids.slice(0, 1030)), expected.slice(0, 1030 * config.vocab_size), 2e-5, "of all");
    await model.dispose();
  });
});
