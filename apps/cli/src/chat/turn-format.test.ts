import { createChatTemplate } from "@blackmamba/tokenizer/chat-template";
import { expect, test } from "vitest";
import { plainFormat, prefixFormat, templateFormat } from "./turn-format.ts";

const nothing = { text: "", turns: [] };
const said = { text: "all of it", turns: [{ user: "Hi", answer: " Hello" }] };

test("plain: as it is", () => {
  expect(plainFormat().next(said, " more")).toBe("all of it more");
  expect(plainFormat("Once").next(nothing, " upon")).toBe("Once upon");
  expect(plainFormat("Once").next(said, " upon")).toBe("all of it upon");
  expect(plainFormat().stops).toEqual([]);
});

test("prefixes: each side on a line of its own", () => {
  const { next, stops } = prefixFormat({ user: "User: ", assistant: "Bot:" }, "A talk.\n");
  expect(next(nothing, "Hi")).toBe("A talk.\nUser: Hi\nBot:");
  expect(next(said, "Hi")).toBe("all of it\nUser: Hi\nBot:");
  expect(stops).toEqual(["\nUser:"]);
  const bare = prefixFormat({ user: "", assistant: "> " });
  expect(bare.next(nothing, "Hi")).toBe("Hi\n> ");
  expect(bare.stops).toEqual([]);
});

test("a template: messages, of which the system's comes first", () => {
  const template = createChatTemplate("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>");
  expect(templateFormat(template).next(nothing, "Hi")).toBe("<user>Hi<assistant>");
  expect(templateFormat(template, "Be brief.").next(said, "Why?")).toBe(
    "<system>Be brief.<user>Hi<assistant> Hello<user>Why?<assistant>",
  );
  expect(templateFormat(template).addsStartToken).toBe(false);
});
