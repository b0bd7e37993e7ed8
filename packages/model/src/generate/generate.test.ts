import { NAN_FLAG } from "@blackmamba/kernels";
import type { Tokenizer } from "@blackmamba/tokenizer";
import { createTokenizer } from "@blackmamba/tokenizer";
import { expect, test } from "vitest";
import { NoTokenizerError, NumericError, OptionError } from "../errors.ts";
import { type GenerateOptions, generateTokens, type IdSource } from "./generate.ts";
import { limitsOf } from "./limits.ts";
import { createPace } from "./pace.ts";
import { LogitWork } from "./processors.ts";
import { TextProgress } from "./text-progress.ts";

interface ScriptedSource extends IdSource {
  /** Steps of each run that was asked for. */
  readonly runs: number[];
}

const CPU = { kind: "cpu", software: true } as const;
const GPU = { kind: "webgpu", software: false } as const;

/** What a source needs that does not go on after failures. */
function plain(device: typeof CPU | typeof GPU): Pick<IdSource, "pace" | "take" | "recover"> {
  return { pace: createPace(device), take: () => {}, recover: (error) => Promise.reject(error) };
}

/** A device that chooses these ids, and takes no time. */
function scripted(ids: readonly number[], device: typeof CPU | typeof GPU = CPU): ScriptedSource {
  const runs: number[] = [];
  let chosen = 0;
  const choose = async (times: number) => {
    runs.push(times);
    chosen += times;
    // A device does what it is asked, also beyond the end of the text.
    const own = Uint32Array.from({ length: times }, (_, i) => ids[chosen - times + i] ?? 0);
    return { ids: Promise.resolve(own) };
  };
  return { ...plain(device), runs, start: () => choose(1), step: choose };
}

async function generate(
  tokenizer: Tokenizer | undefined,
  ids: readonly number[],
  options: GenerateOptions = {},
  source: IdSource = scripted(ids),
) {
  const tokens = [];
  const all = { maxTokens: ids.length, ...options };
  for await (const token of textOf(source, tokenizer, all)) tokens.push(token);
  return tokens;
}

function textOf(source: IdSource, tokenizer: Tokenizer | undefined, options: GenerateOptions) {
  const limits = limitsOf(options, tokenizer);
  const progress = new TextProgress(tokenizer, limits, new LogitWork({}));
  return generateTokens(source, progress, limits.maxTokens, options.signal);
}

const tokenizer = (vocab: string[], decoder: object, endToken?: string) =>
  createTokenizer(
    {
      version: "1.0",
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder,
      model: { type: "BPE", vocab: Object.fromEntries(vocab.map((token, id) => [token, id])), merges: [] },
    },
    { eos_token: endToken },
  );

// The bytes of é, and the letters of the byte-level alphabet that stand for them.
const bytes = tokenizer(["a", "b", "\u00c3", "\u00a9", "<end>", "abc", "c"], { type: "ByteLevel" }, "<end>");

test("a character that takes two tokens comes with the second", async () => {
  expect(await generate(bytes, [0, 2, 3, 1])).toEqual([
    { id: 0, text: "a" },
    { id: 2, text: "" },
    { id: 3, text: "\u00e9" },
    { id: 1, text: "b" },
  ]);
});

test("half a character at the end is no text, and its id is told all the same", async () => {
  expect(await generate(bytes, [0, 2])).toEqual([
    { id: 0, text: "a" },
    { id: 2, text: "" },
  ]);
  expect(await generate(bytes, [0, 2, 4, 1])).toEqual([
    { id: 0, text: "a" },
    { id: 2, text: "" },
  ]);
});

test("the end token ends the text and is not part of it", async () => {
  expect(await generate(bytes, [1, 4, 0])).toEqual([{ id: 1, text: "b" }]);
  expect(await generate(bytes, [1, 0, 1], { maxTokens: 2 })).toHaveLength(2);
});

test("a tokenizer that knows its text only at the end gives it with the last token", async () => {
  const words = tokenizer(["he", "llo</w>"], { type: "BPEDecoder", suffix: "</w>" });
  const tokens = await generate(words, [0, 1, 0]);
  expect(tokens.map(({ id }) => id)).toEqual([0, 1, 0]);
  expect(tokens.map(({ text }) => text).join("")).toBe(words.decode([0, 1, 0]));
  // Its stop strings are found there too.
  const stopped = await generate(words, [0, 1, 0], { stop: "o" });
  expect(stopped.map(({ text }) => text).join("")).toBe("hell");
});

test("without a tokenizer there are ids alone", async () => {
  expect(await generate(undefined, [3, 4])).toEqual([
    { id: 3, text: "" },
    { id: 4, text: "" },
  ]);
});

test("a stop string ends the text before it, within a token and over several", async () => {
  expect(await generate(bytes, [1, 5, 1], { stop: "b" })).toEqual([]);
  expect(await generate(bytes, [0, 5, 1], { stop: "b" })).toEqual([
    { id: 0, text: "a" },
    { id: 5, text: "a" },
  ]);
  expect(await generate(bytes, [6, 0, 1, 6, 0], { stop: "abc" })).toEqual([{ id: 6, text: "c" }]);
  expect(await generate(bytes, [5, 0, 1], { stop: ["x", "ca"] })).toEqual([{ id: 5, text: "ab" }]);
  expect(await generate(bytes, [0, 2, 3, 1], { stop: "\u00e9" })).toEqual([{ id: 0, text: "a" }]);
  // The first to come, not the first in the list.
  expect(await generate(bytes, [5, 5], { stop: ["ca", "b"] })).toEqual([{ id: 5, text: "a" }]);
});

test("what may be the beginning of a stop string waits until that is known", async () => {
  expect(await generate(bytes, [0, 1, 0, 1, 1], { stop: "abb" })).toEqual([
    { id: 0, text: "a" },
    { id: 1, text: "b" },
  ]);
  const arrivals: string[] = [];
  const source = scripted([0, 1, 0, 6, 0]);
  for await (const { text } of textOf(source, bytes, { maxTokens: 5, stop: "abb" })) {
    arrivals.push(`${text} after ${source.runs.length}`);
  }
  // "ab" is open until the second "a" closes it, "a" until "c" does; the last "a" is no beginning any more at the end.
  expect(arrivals).toEqual(["a after 3", "b after 3", "a after 4", "c after 4", "a after 5"]);
});

test("never more than maxTokens are computed, and nothing ahead on a CPU", async () => {
  const ids = [0, 1, 0, 1, 0, 1, 0, 1, 0, 1];
  for (const device of [CPU, GPU]) {
    for (const maxTokens of [0, 1, 2, 7, 10]) {
      const source = scripted(ids, device);
      expect(await generate(bytes, ids, { maxTokens }, source)).toHaveLength(maxTokens);
      expect(source.runs.reduce((sum, steps) => sum + steps, 0)).toBe(maxTokens);
    }
  }
  const source = scripted([0, 1, 4, 1, 1]);
  expect(await generate(bytes, [0, 1, 4, 1, 1], {}, source)).toHaveLength(2);
  expect(source.runs).toEqual([1, 1, 1]);
});

test("why a text ended is returned at its end", async () => {
  const reasonOf = async (ids: readonly number[], options: GenerateOptions) => {
    const tokens = textOf(scripted(ids), bytes, options);
    for (;;) {
      const { done, value } = await tokens.next();
      if (done) return value.finishReason;
    }
  };
  expect(await reasonOf([0, 1, 0], { maxTokens: 3 })).toBe("length");
  expect(await reasonOf([0, 1, 0], { maxTokens: 0 })).toBe("length");
  expect(await reasonOf([0, 4, 0], { maxTokens: 3 })).toBe("stop");
  expect(await reasonOf([0, 1, 0], { maxTokens: 3, stop: "b" })).toBe("stop");
  expect(await reasonOf([0, 6, 0], { maxTokens: 3, stopIds: [6] })).toBe("stop");
});

test("ids that end the text are no part of it", async () => {
  expect(await generate(bytes, [0, 1, 6, 0], { stopIds: [6, 3] })).toEqual([
    { id: 0, text: "a" },
    { id: 1, text: "b" },
  ]);
});

test("what a device did ahead is discarded", async () => {
  const ids = [0, 1, 0, 1, 4, 0, 0, 0];
  const source = scripted(ids, GPU);
  expect(await generate(bytes, ids, { maxTokens: 100 }, source)).toHaveLength(4);
  expect(source.runs.reduce((sum, steps) => sum + steps, 0)).toBeGreaterThan(5);
});

test("two runs are under way on a device that is fast", async () => {
  const asked: string[] = [];
  const source = scripted(
    Array.from({ length: 20 }, () => 0),
    GPU,
  );
  for await (const _ of textOf(source, bytes, { maxTokens: 20 })) asked.push(`${source.runs.length}`);
  expect(asked[0]).toBe("2");
});

test("an abort ends the text between two ids of a run", async () => {
  const controller = new AbortController();
  const source = { ...scripted([], GPU), start: async () => ({ ids: Promise.resolve(new Uint32Array(1)) }) };
  const seen: number[] = [];
  const { signal } = controller;
  const read = async () => {
    for await (const { id } of textOf(source, bytes, { maxTokens: 100, signal })) {
      seen.push(id);
      if (seen.length === 5) controller.abort(new Error("enough"));
    }
  };
  await expect(read()).rejects.toThrow("enough");
  expect(seen).toHaveLength(5);
});

test("a logit that is no number is told by its id, after what came before it", async () => {
  await expect(generate(bytes, [0, 1, NAN_FLAG + 7, 1])).rejects.toThrow(NumericError);
  await expect(generate(bytes, [NAN_FLAG + 7])).rejects.toThrow("the logit of id 7 is NaN");
});

test("a failure of a run is thrown where its ids are waited for", async () => {
  const source = {
    ...plain(GPU),
    start: async () => ({ ids: Promise.resolve(Uint32Array.of(0)) }),
    step: async () => ({ ids: Promise.reject<Uint32Array>(new Error("device lost")) }),
  };
  await expect(generate(bytes, [0, 0], {}, source)).rejects.toThrow("device lost");
});

test("after a failure that can be mended the text goes on, with nothing told twice", async () => {
  // "c" may be the beginning of "cab", and is held back while the device fails.
  const ids = [0, 6, 0, 0, 1, 6, 0, 1, 1];
  const taken: number[] = [];
  const started: number[][] = [];
  let device = scripted(ids, GPU);
  let failures = 2;
  const source: IdSource = {
    get pace() {
      return device.pace;
    },
    start() {
      started.push([...taken]);
      return device.start();
    },
    async step(times) {
      if (taken.length >= 2 * (3 - failures) && failures > 0) throw new Error("device lost");
      return device.step(times);
    },
    take: (id) => taken.push(id),
    async recover(error) {
      expect(error).toMatchObject({ message: "device lost" });
      failures -= 1;
      device = scripted(ids.slice(taken.length), GPU);
    },
  };
  const tokens = await generate(bytes, ids, { stop: "cab" }, source);
  expect(tokens).toEqual(await generate(bytes, ids, { stop: "cab" }));
  expect(failures).toBe(0);
  expect(started).toHaveLength(3);
  for (const told of started) expect(told).toEqual(ids.slice(0, told.length));
});

test.each([
  [{ maxTokens: -1 }, "option maxTokens: expected a whole number of at least 0, found -1"],
  [{ maxTokens: 1.5 }, "option maxTokens: expected a whole number of at least 0, found 1.5"],
  [{ maxTokens: 5, minTokens: 6 }, "option minTokens: expected a whole number from 0 to maxTokens, 5, found 6"],
  [{ stopIds: 7 as unknown as number[] }, "option stopIds: expected an array of ids, found 7"],
  [{ stopIds: [-1] }, "option stopIds: expected a whole number of at least 0, found -1"],
  [{ stop: "" }, 'option stop: expected a text, or several, none of them empty, found ""'],
  [{ stop: ["a", ""] }, 'option stop: expected a text, or several, none of them empty, found ""'],
  [{ stop: [7] as unknown as string[] }, "option stop: expected a text, or several, none of them empty, found 7"],
  [{ stop: 7 as unknown as string }, "option stop: expected a text, or several, none of them empty, found 7"],
])("%o is refused", (options, message) => {
  expect(() => limitsOf(options, bytes)).toThrow(OptionError);
  expect(() => limitsOf(options, bytes)).toThrow(message);
});

test("stop strings need a tokenizer", () => {
  expect(() => limitsOf({ stop: "x" }, undefined)).toThrow(NoTokenizerError);
});
