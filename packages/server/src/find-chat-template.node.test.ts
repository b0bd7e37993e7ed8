import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findChatTemplate } from "./find-chat-template.ts";

const modelFolder = fileURLToPath(new URL("../../storyteller/model", import.meta.url));

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-template-"));
});

afterAll(() => rm(folder, { recursive: true }));

const config = (chat_template: unknown) =>
  writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ chat_template }));

test("a base model has none", async () => {
  expect(await findChatTemplate(modelFolder)).toBeUndefined();
});

test("the one in tokenizer_config.json, or of several the default", async () => {
  await config("one");
  expect(await findChatTemplate(folder)).toBe("one");
  await config([
    { name: "rag", template: "a" },
    { name: "default", template: "b" },
  ]);
  expect(await findChatTemplate(folder)).toBe("b");
  await config(5);
  await expect(findChatTemplate(folder)).rejects.toMatchObject({ code: "ERR_TOKENIZER_CONFIG" });
});

test("a file of its own goes first", async () => {
  await writeFile(join(folder, "chat_template.jinja"), "own");
  expect(await findChatTemplate(folder)).toBe("own");
});
