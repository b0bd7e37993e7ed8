/**
 * The model against what the reference computed in float32: logits, residual stream, routers, and decoding.
 */
import { expectClose, rowArgmax, testDevices } from "@blackmamba/testing";
import { describe, expect, test } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { GOLDEN_NAMES, GoldenValues, goldenParts } from "./testing/golden.ts";

const TOLERANCE = 2e-5;

describe.each(testDevices())("golden outputs on $label", ({ open }) => {
  test.each(GOLDEN_NAMES)("%s", async (name) => {
    const golden = await GoldenValues.read(name);
    const ids = await golden.ids();
    const model = await BlackMamba.load(await goldenParts(name), { device: await open() });
    const { vocab } = model.config;

    const logits = await model.logits(ids);
    const expected = await golden.floats("logits");
    expectClose(logits, expected, TOLERANCE, "of the logits");
    expect(rowArgmax(logits, vocab)).toEqual(rowArgmax(expected, vocab));

    const trace = await model.trace(ids, { hiddenAttention: false });
    expectClose(trace.logits, expected, TOLERANCE, "of the traced logits");
    for (const [index, { hidden, routes }] of trace.layers.entries()) {
      expectClose(hidden, await golden.floats(`hidden.${index}`), TOLERANCE, `of hidden.${index}`);
      if (!golden.has(`router_logits.${index}`)) continue;
      const routerLogits = await golden.floats(`router_logits.${index}`);
      expectClose(routes?.logits ?? [], routerLogits, TOLERANCE, `of router_logits.${index}`);
      expect([...(routes?.experts ?? [])]).toEqual(rowArgmax(routerLogits, routerLogits.length / ids.length));
    }

    const state = model.createState();
    await state.advance(ids.slice(0, 8));
    const decoded: number[] = [];
    for (const id of ids.slice(8)) decoded.push(...(await state.advance([id])));
    const expectedDecoded = await golden.floats("decode_logits");
    expectClose(decoded, expectedDecoded, TOLERANCE, "of the decoded logits");
    expect(rowArgmax(Float32Array.from(decoded), vocab)).toEqual(rowArgmax(expectedDecoded, vocab));
    await model.dispose();
  });
});
