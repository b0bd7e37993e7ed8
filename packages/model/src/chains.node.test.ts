/**
 * Decoding as chains, held against the reference like all else. In Node alone and over a few tokens: on an emulated GPU workgroups that
 * wait take the processor from those they wait for. Kernels are tried in chains in a browser too.
 */

import { type Tensor, WebGpuDevice } from "@blackmamba/tensor";
import { expectClose, rowArgmax, testChainDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { GOLDEN_NAMES, GoldenValues, goldenParts } from "./testing/golden.ts";

/** Tokens that are decoded one at a time, after a prompt of eight. */
const STEPS = 8;

describe.each(testChainDevices())("on $label", ({ open }) => {
  test.each(GOLDEN_NAMES)("%s is decoded as the reference does", async (name) => {
    const golden = await GoldenValues.read(name);
    const ids = await golden.ids();
    const model = await BlackMamba.load(await goldenParts(name), { device: await open() });
    const { vocab } = model.config;
    const state = model.createState();
    await state.advance(ids.slice(0, 8));
    const decoded: number[] = [];
    for (const id of ids.slice(8, 8 + STEPS)) decoded.push(...(await state.advance([id])));
    const expected = (await golden.floats("decode_logits")).slice(0, STEPS * vocab);
    expectClose(decoded, expected, 2e-5, "of the decoded logits");
    expect(rowArgmax(Float32Array.from(decoded), vocab)).toEqual(rowArgmax(expected, vocab));
    // Fewer dispatches than calls, or these were no chains.
    const { dispatches } = await model.profile();
    expect(dispatches).toBeLessThan(model.config.layers.length + 4);

    const greedy: number[] = [];
    for await (const { id } of model.generate(ids.slice(0, 8), { maxTokens: 6 })) greedy.push(id);
    const single: number[] = [];
    const other = model.createState();
    let next = rowArgmax(await other.advance(ids.slice(0, 8)), vocab)[0] as number;
    for (let i = 0; i < 6; i++) {
      single.push(next);
      next = rowArgmax(await other.advance([next]), vocab)[0] as number;
    }
    expect(greedy).toEqual(single);
    await model.dispose();
  });

  test("layers whose weights lie in buffers of their own are chains of their own, and what goes on between them is kept", async () => {
    const golden = await GoldenValues.read("blackmamba");
    const ids = await golden.ids();
    const { gpu, name } = (await open()) as WebGpuDevice;
    const device = new WebGpuDevice(gpu, { name, software: false, chains: true });
    const together = device.createTensors.bind(device);
    device.createTensors = (specs) => {
      const groups = [...new Set(specs.map(({ group }) => group))];
      const made = new Map(
        groups.flatMap((group) => {
          const own = specs.filter((spec) => spec.group === group);
          return together(own).map((tensor, i) => [own[i], tensor] as const);
        }),
      );
      return specs.map((spec) => made.get(spec) as Tensor);
    };
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device });
    const state = model.createState();
    await state.advance(ids.slice(0, 8));
    const decoded = [...(await state.advance([ids[8] as number])), ...(await state.advance([ids[9] as number]))];
    const expected = (await golden.floats("decode_logits")).slice(0, 2 * model.config.vocab);
    expectClose(decoded, expected, 2e-5, "of the decoded logits");
    // One for each layer; then the embedding, the norm and the logits, and two for the choice of an id.
    const { dispatches } = await model.profile();
    expect(dispatches).toBeGreaterThan(model.config.layers.length);
    expect(dispatches).toBeLessThanOrEqual(model.config.layers.length + 5);
    await model.dispose();
  });
});
