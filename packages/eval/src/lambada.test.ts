/** LAMBADA's rules, with a model that says what a test wants. The trained model is in `storyteller.node.test.ts`. */
import { NoTokenizerError } from "@blackmamba/model";
import { createByteTokenizer } from "@blackmamba/tokenizer";
import { describe, expect, test, vi } from "vitest";
import { EvalInputError } from "./errors.ts";
import type { EvalModel } from "./eval-model.ts";
import { type LambadaScore, lambada, parseLambada } from "./lambada.ts";

const text = (ids: ArrayLike<number>) => new TextDecoder().decode(Uint8Array.from(ids));

/** Finds words of small letters only, and gives each byte a probability of ½. */
function listeningModel() {
  const asked: { context: string; lastWord: string }[] = [];
  const score = vi.fn<EvalModel["score"]>(async (ids, { from = 1 }) => {
    const all = Array.from(ids);
    asked.push({ context: text(all.slice(0, from)), lastWord: text(all.slice(from)) });
    const greedy = Uint8Array.from(all, (id, t) => (t >= from && (id === 32 || id > 96) ? 1 : 0));
    return { greedy, logprobs: Float64Array.from(all, (_, t) => (t < from ? Number.NaN : -Math.LN2)) };
  });
  const model: EvalModel = { tokenizer: { ...createByteTokenizer(), bosTokenId: 94, endTokenId: 94 }, score };
  return { model, asked, score };
}

describe("a passage", () => {
  test("is asked for its last word, with the space before it", async () => {
    const { model, asked } = listeningModel();
    const passages = ["One two three", "a\nb c\nd", "alone", "ends with a space ", "two  spaces"];
    await lambada(model, passages);
    expect(asked).toEqual([
      { context: "One two", lastWord: " three" },
      { context: "a\nb", lastWord: " c\nd" },
      { context: "^", lastWord: " alone" },
      { context: "ends with a space", lastWord: " " },
      { context: "two", lastWord: "  spaces" },
    ]);
  });

  test("counts where every token of the word is the likeliest", async () => {
    const { model } = listeningModel();
    const { passages } = await lambada(model, ["a word", "a Word", "a worD"]);
    expect(passages).toEqual([
      { index: 0, tokens: 5, logprob: -5 * Math.LN2, correct: true },
      { index: 1, tokens: 5, logprob: -5 * Math.LN2, correct: false },
      { index: 2, tokens: 5, logprob: -5 * Math.LN2, correct: false },
    ]);
  });

  test("of which the last word is no token is named", async () => {
    const { model } = listeningModel();
    const tokenizer = {
      ...createByteTokenizer(),
      endTokenId: 1,
      encode: (all: string) => [...all.split(" ")[0]!].map(() => 1),
    };
    await expect(lambada({ ...model, tokenizer }, ["a b"])).rejects.toThrow(EvalInputError);
    await expect(lambada({ ...model, tokenizer }, ["a b"])).rejects.toThrow("passage 1: expected a last word");
  });
});

describe("figures", () => {
  test("are the mean of words found, and of a word's ln p, with their errors", async () => {
    const { model } = listeningModel();
    const result = await lambada(model, ["a word", "a Word", "a b", "a C"]);
    expect(result).toMatchObject({ correct: 2, accuracy: 0.5 });
    expect(result.accuracyError).toBeCloseTo(Math.sqrt(1 / 3) / 2, 15);
    // Words of 5, 5, 2 and 2 bytes with their spaces, each byte of ½: the mean is that of 3.5.
    expect(result.perplexity).toBeCloseTo(2 ** 3.5, 12);
    expect(result.perplexityError).toBeCloseTo(2 ** 3.5 * Math.LN2 * Math.sqrt(3 / 4), 12);
  });

  test("of a single passage have no errors", async () => {
    const { model } = listeningModel();
    expect(await lambada(model, ["a b"])).toMatchObject({ accuracyError: undefined, perplexityError: undefined });
  });

  test("are the same where some are known", async () => {
    const { model, score } = listeningModel();
    const passages = ["a word", "a Word", "a b", "a C"];
    const seen: LambadaScore[] = [];
    const whole = await lambada(model, passages, { onScore: (each) => void seen.push(each) });
    score.mockClear();
    const onProgress = vi.fn();
    const known = JSON.parse(JSON.stringify(seen.slice(1, 3)));
    expect(await lambada(model, passages, { known, onProgress })).toEqual(whole);
    expect(score).toHaveBeenCalledTimes(2);
    expect(onProgress.mock.calls.map(([{ done }]) => done)).toEqual([2, 3, 4]);
  });
});

describe("what is no passage", () => {
  test("is named with its line", () => {
    expect(parseLambada('{"text": "a b"}\n\n{"text":"c d","id":1}\r\n')).toEqual(["a b", "c d"]);
    expect(parseLambada("")).toEqual([]);
    expect(() => parseLambada('{"text": "a"}\nplain text')).toThrow('line 2: expected JSON, found "plain text"');
    for (const line of ['{"txt": "a"}', '{"text": ""}', '"a"', "null", "7"]) {
      expect(() => parseLambada(line)).toThrow(EvalInputError);
    }
  });

  test("or no model that reads text", async () => {
    const { model } = listeningModel();
    await expect(lambada(model, [])).rejects.toThrow(EvalInputError);
    await expect(lambada({ ...model, tokenizer: undefined }, ["a b"])).rejects.toThrow(NoTokenizerError);
    await expect(lambada(model, ["a b"], { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
  });
});
