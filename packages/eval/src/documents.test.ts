import { expect, test } from "vitest";
import { splitDocuments } from "./documents.ts";

test("stand between separators, without white space at their ends", () => {
  const text = "\nOne.\n\nStill one.\n<|endoftext|>\n \n<|endoftext|>Two.<|endoftext|>";
  expect(splitDocuments(text)).toEqual(["One.\n\nStill one.", "Two."]);
  expect(splitDocuments("a\n---\nb", "---")).toEqual(["a", "b"]);
  expect(splitDocuments("no separator")).toEqual(["no separator"]);
});

test("without a separator are the text as it is", () => {
  expect(splitDocuments(" a <|endoftext|> b\n", "")).toEqual([" a <|endoftext|> b\n"]);
});

test("are none in a text of white space", () => {
  for (const separator of ["", "---"]) expect(splitDocuments(" \n\t", separator)).toEqual([]);
});
