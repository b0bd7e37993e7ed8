import { createByteTokenizer } from "@blackmamba/tokenizer";
import { expect, test } from "vitest";
import { echoTokens } from "./echo.ts";

test("an echo has the prompt's text, as it becomes certain", () => {
  const tokenizer = createByteTokenizer();
  const ids = tokenizer.encode("a \u00e9");
  const tokens = echoTokens(ids, tokenizer, undefined);
  expect(tokens.map(({ text }) => text)).toEqual(["a", " ", "", "\u00e9"]);
  expect(tokens.map(({ id }) => id)).toEqual(ids);
  expect(tokens.every(({ isPrompt }) => isPrompt)).toBe(true);
  // A prompt that ends within a character still tells its last token.
  expect(echoTokens(ids.slice(0, 3), tokenizer, undefined)).toHaveLength(3);
  expect(echoTokens([5, 6], undefined, undefined)).toEqual([
    { id: 5, text: "", isPrompt: true },
    { id: 6, text: "", isPrompt: true },
  ]);
});
