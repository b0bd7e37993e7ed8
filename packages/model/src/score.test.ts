/** Scores of a text, against the logits of all of it. */
import { expectClose, testDevices } from "@blackmamba/testing";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { BlackMamba } from "./blackmamba.ts";
import { NumericError, OptionError, PromptError, StateError } from "./errors.ts";
import { Engine } from "./forward/engine.ts";
import { logprobOf } from "./logprobs.ts";
import type { ScoreProgress } from "./score.ts";
import { goldenParts, text } from "./testing/golden.ts";

/** Of one path against another, in natural logarithms. */
const TOLERANCE = 2e-5;

/** Longer than a chunk of any software device, and no multiple of one. */
const LONG = 600;

/** What the scores should be, and the ids in the order of their logits, by plain arithmetic on `model.logits`. */
async function plainScores(model: BlackMamba, ids: readonly number[]) {
  const { vocab } = model.config;
  const logits = await model.logits(ids);
  const rows = ids.map((_, t) => [...logits.subarray(t * vocab, (t + 1) * vocab)]);
  const logprobs = rows.map((row) => {
    const total = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
    return row.map((logit) => logit - total);
  });
  const order = rows.map((row) => [...row.keys()].sort((a, b) => Number(row[b]) - Number(row[a]) || a - b));
  return {
    logprobs: ids.slice(1).map((id, t) => Number(logprobs[t]?.[id])),
    greedy: ids.slice(1).map((id, t) => (order[t]?.[0] === id ? 1 : 0)),
    top: (t: number, count: number) => order[t - 1]?.slice(0, count),
  };
}

describe.each(testDevices())("scores on $label", ({ open }) => {
  const load = async () => {
    const model = await BlackMamba.load(await goldenParts("blackmamba"), { device: await open() });
    onTestFinished(() => model.dispose());
    return model;
  };

  test.each([1, 2, 40, LONG])("of %i ids are those that their logits say", async (length) => {
    const model = await load();
    // Ids that the model itself would say, and others.
    const ids = text(length);
    for (let t = 8; t < Math.min(length, 24); t++) {
      const logits = await model.logits(ids.slice(0, t));
      const last = [...logits.subarray(-model.config.vocab)];
      if (t % 2 === 0) ids[t] = last.indexOf(Math.max(...last));
    }
    const progress: ScoreProgress[] = [];
    const scores = await model.score(ids, { onProgress: (each) => progress.push(each) });
    expect(scores.logprobs).toHaveLength(length);
    expect(scores.logprobs[0]).toBeNaN();
    expect(scores.greedy[0]).toBe(0);
    expect(scores.topLogprobs).toBeUndefined();
    const expected = await plainScores(model, ids);
    expectClose([...scores.logprobs.subarray(1)], expected.logprobs, TOLERANCE);
    expect([...scores.greedy.subarray(1)]).toEqual(expected.greedy);
    if (length >= 40) expect(expected.greedy.filter((is) => is === 1).length).toBeGreaterThanOrEqual(8);
    if (length > 1) expect(progress.at(-1)).toEqual({ scoredTokens: length - 1, totalTokens: length - 1 });
    if (length === LONG) expect(progress.length).toBeGreaterThan(1);
  });

  test("from a later id on are the same, and those before have none", async () => {
    const model = await load();
    const ids = text(300);
    const all = await model.score(ids, { top: 3 });
    for (const from of [1, 2, 5, 257, 299, 300]) {
      const scores = await model.score(ids, { from, top: 3 });
      expect([...scores.logprobs.subarray(0, from)]).toEqual(Array(from).fill(Number.NaN));
      expect(scores.topLogprobs?.slice(0, from)).toEqual(Array(from).fill([]));
      expectClose([...scores.logprobs.subarray(from)], [...all.logprobs.subarray(from)], TOLERANCE, `from ${from}`);
      expect(scores.greedy.subarray(from)).toEqual(all.greedy.subarray(from));
      expect(scores.topLogprobs?.slice(from).map((top) => top.map(({ id }) => id))).toEqual(
        all.topLogprobs?.slice(from).map((top) => top.map(({ id }) => id)),
      );
    }
  });

  test("come with the likeliest ids at each place", async () => {
    const model = await load();
    const ids = text(40);
    const expected = await plainScores(model, ids);
    const { topLogprobs, logprobs } = await model.score(ids, { top: 4 });
    expect(topLogprobs).toHaveLength(40);
    expect(topLogprobs?.[0]).toEqual([]);
    for (let t = 1; t < 40; t++) {
      expect(topLogprobs?.[t]?.map(({ id }) => id)).toEqual(expected.top(t, 4));
      const own = topLogprobs?.[t]?.find(({ id }) => id === ids[t]);
      if (own) expect(own.logprob).toBe(logprobs[t]);
    }
  });

  test("continue a state, which goes along", async () => {
    const model = await load();
    const [ids, more] = [text(30), [7, 11, 5]];
    const [state, plain] = [model.createState(), model.createState()];
    await state.advance(ids.slice(0, 10));
    const scores = await model.score(ids.slice(10), { state, top: 1 });
    expect(state.position).toBe(30);
    const whole = await model.score(ids, { top: 1 });
    expectClose([...scores.logprobs], [...whole.logprobs.subarray(10)], TOLERANCE);
    expect(scores.greedy).toEqual(whole.greedy.subarray(10));
    expect(scores.topLogprobs?.map((top) => top[0]?.id)).toEqual(whole.topLogprobs?.slice(10).map((top) => top[0]?.id));
    // Also where nothing of it is scored.
    await model.score(more, { state, from: more.length });
    expect(state.position).toBe(33);
    expectClose(await state.advance([3]), await plain.advance([...ids, ...more, 3]), TOLERANCE);
    await state.dispose();
    await plain.dispose();
  });

  test("of a state's next id alone, or of none, are what its logits say", async () => {
    const model = await load();
    const [ids, state] = [text(12), model.createState()];
    // From an empty state there is nothing that says the first.
    const { logprobs } = await model.score(ids.slice(0, 10), { state });
    expect(logprobs[0]).toBeNaN();
    const expected = logprobOf(await state.logits(), ids[10] as number);
    expect([...(await model.score(ids.slice(10, 11), { state })).logprobs]).toEqual([expected]);
    expect([...(await model.score(ids.slice(11), { state, from: 1 })).logprobs]).toEqual([Number.NaN]);
    expect(state.position).toBe(12);
    await state.dispose();
  });

  test("end with the signal's reason", async () => {
    const model = await load();
    const controller = new AbortController();
    const onProgress = vi.fn(() => controller.abort(new Error("enough")));
    await expect(model.score(text(LONG), { signal: controller.signal, onProgress })).rejects.toThrow("enough");
    expect(onProgress).toHaveBeenCalledTimes(1);
    await expect(model.score(text(3), { signal: controller.signal })).rejects.toThrow("enough");
    expect((await model.score(text(3))).logprobs).toHaveLength(3);
  });

  test("need ids, and options that can be", async () => {
    const [model, other] = [await load(), await load()];
    await expect(model.score([])).rejects.toThrow(PromptError);
    await expect(model.score([1, 512])).rejects.toThrow("token id 512 at position 1");
    for (const from of [0, 4, 1.5]) await expect(model.score([1, 2, 3], { from })).rejects.toThrow(OptionError);
    await expect(model.score([1, 2, 3], { top: -1 })).rejects.toThrow(OptionError);
    await expect(model.score([1, 2, 3], { state: other.createState() })).rejects.toThrow(StateError);
  });

  test("of a model that computes NaN are refused", async () => {
    const model = await load();
    const visit = Engine.prototype.visit;
    vi.spyOn(Engine.prototype, "visit").mockImplementation(function (this: Engine, sequence, ids, visitor, signal) {
      const logits =
        visitor.logits && ((rows: Float32Array) => visitor.logits?.(rows.fill(Number.NaN, 512 + 9, 512 + 10)));
      return visit.call(this, sequence, ids, { ...visitor, ...(logits && { logits }) }, signal);
    });
    onTestFinished(() => void vi.restoreAllMocks());
    await expect(model.score(text(5))).rejects.toThrow(NumericError);
    await expect(model.score(text(5))).rejects.toThrow("the logit of id 9 is NaN");
  });
});
