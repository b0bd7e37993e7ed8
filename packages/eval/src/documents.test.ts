import { expect, test } from "vitest";
import { splitDocuments } from "./documents.ts";

test("stand between separators, which have line ends of their own", () => {
  const text = "One.\n\nStill one.\n<|endoftext|>\n \n<|endoftext|>Two.<|endoftext|>";
  expect(splitDocuments(text)).toEqual(["One.\n\nStill one.", "Two."]);
  expect(splitDocuments("a\r\n---\r\nb\r\n", "---")).toEqual(["a", "b"]);
  expect(splitDocuments("no separator\n")).toEqual(["no separator"]);
});

test("keep white space of their own, also line ends", () => {
  const documents = ["\n\nOne ", " Two\n", "\tThree\n\n"];
  expect(splitDocuments(`${documents.join("\n<|endoftext|>\n")}\n`)).toEqual(documents);
  expect(splitDocuments(`${documents.join("\n#\n")}\n`, "#")).toEqual(documents);
});

test("without a separator are the text as it is", () => {
  expect(splitDocuments(" a <|endoftext|> b\n", "")).toEqual([" a <|endoftext|> b\n"]);
});

test("are none in a text of white space", () => {
  for (const separator of ["", "---"]) expect(splitDocuments(" \n\t", separator)).toEqual([]);
});
