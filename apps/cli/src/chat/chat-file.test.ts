import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { decodeChat, encodeChat } from "./chat-file.ts";

const chat = {
  text: "Once 🐍",
  turns: [{ user: "Once", answer: " 🐍" }],
  state: Uint8Array.of(1, 2, 3),
};
const bytes = encodeChat(chat);

/** With other JSON, and the checksum right. */
function withJson(json: string, jsonByteLength = Buffer.byteLength(json)): Uint8Array {
  const changed = Buffer.concat([bytes.subarray(0, 20), Buffer.from(json)]);
  changed.writeUInt32LE(jsonByteLength, 16);
  changed.writeUInt32LE(crc32(changed.subarray(16)), 12);
  return changed;
}

test("what was written is read, from the middle of a buffer too", () => {
  const read = decodeChat(bytes);
  expect({ ...read, state: [...read.state] }).toEqual({ ...chat, state: [1, 2, 3] });
  const larger = new Uint8Array(bytes.byteLength + 7);
  larger.set(bytes, 5);
  expect(decodeChat(larger.subarray(5, 5 + bytes.byteLength)).text).toBe(chat.text);
  const empty = decodeChat(encodeChat({ text: "", turns: [], state: new Uint8Array() }));
  expect(empty).toMatchObject({ text: "", turns: [] });
});

test("every byte that is changed, and every one that is missing, is noticed", () => {
  for (let at = 0; at < bytes.byteLength; at++) {
    const changed = Uint8Array.from(bytes);
    changed[at] = (changed[at] as number) ^ 0x20;
    expect(() => decodeChat(changed)).toThrow(expect.objectContaining({ code: "ERR_CHAT" }));
    expect(() => decodeChat(bytes.subarray(0, at))).toThrow(expect.objectContaining({ code: "ERR_CHAT" }));
  }
});

test.each<[string, Uint8Array, string]>([
  ["nothing", new Uint8Array(), "expected a conversation that /save has written, found an empty file"],
  ["a bare state", Buffer.from("bm-state and more"), 'found a file that begins "bm-state"'],
  ["no JSON", withJson("{"), "expected a text and its turns, found something else"],
  ["JSON that ends beyond the file", withJson('{"text":"","turns":[]}', 5000), "expected a text and its turns"],
  ["null", withJson("null"), "expected a text and its turns"],
  ["no text", withJson('{"turns":[]}'), "expected a text and its turns"],
  ["a turn that is none", withJson('{"text":"","turns":[{"user":"x"}]}'), "expected a text and its turns"],
])("%s is refused", (_, input, message) => expect(() => decodeChat(input)).toThrow(message));

test("another version is named", () => {
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(2, 8);
  expect(() => decodeChat(changed)).toThrow("expected a conversation of version 1, found version 2");
});
