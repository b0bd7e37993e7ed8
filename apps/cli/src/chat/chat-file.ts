/**
 * A conversation as bytes, little-endian: what was said, and the model's state after it. What the state's bytes mean, and whether they
 * are of this model, is the model's matter.
 *
 * | byte | what                                                   |
 * | ---- | ------------------------------------------------------ |
 * | 0    | `bm-chat` and a zero                                   |
 * | 8    | u32: version, 1                                        |
 * | 12   | u32: CRC-32 of all bytes from 16 on                    |
 * | 16   | u32: bytes of the JSON that follows: `text` and `turns` |
 * | 20   | the JSON in UTF-8, then the state to the end           |
 */
import { crc32 } from "node:zlib";
import { ChatError } from "../errors.ts";
import type { ChatTurn, Said } from "./turn-format.ts";

const MAGIC = "bm-chat\0";
const VERSION = 1;
const OFFSET = { version: 8, checksum: 12, jsonByteLength: 16, json: 20 } as const;
const CHECKED_FROM = OFFSET.jsonByteLength;

/** What is in such bytes. */
export interface SavedChat extends Said {
  /** As `state.save()` gives it. */
  readonly state: Uint8Array;
}

export function encodeChat({ text, turns, state }: SavedChat): Uint8Array {
  const json = Buffer.from(JSON.stringify({ text, turns }));
  const bytes = Buffer.alloc(OFFSET.json + json.byteLength + state.byteLength);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(VERSION, OFFSET.version);
  bytes.writeUInt32LE(json.byteLength, OFFSET.jsonByteLength);
  bytes.set(json, OFFSET.json);
  bytes.set(state, OFFSET.json + json.byteLength);
  bytes.writeUInt32LE(crc32(bytes.subarray(CHECKED_FROM)), OFFSET.checksum);
  return bytes;
}

/** @throws ChatError saying what is wrong with the bytes */
export function decodeChat(input: Uint8Array): SavedChat {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const magic = bytes.toString("latin1", 0, MAGIC.length);
  if (magic !== MAGIC || bytes.byteLength < OFFSET.json) {
    throw new ChatError(`expected a conversation that /save has written, found ${foundInstead(bytes)}`);
  }
  const version = bytes.readUInt32LE(OFFSET.version);
  if (version !== VERSION) {
    throw new ChatError(
      `expected a conversation of version ${VERSION}, found version ${version}; use the version that wrote it`,
    );
  }
  const [written, found] = [bytes.readUInt32LE(OFFSET.checksum), crc32(bytes.subarray(CHECKED_FROM))];
  if (written !== found) {
    const [expected, other] = [written, found].map((sum) => sum.toString(16).padStart(8, "0"));
    throw new ChatError(
      `expected the checksum ${expected}, found ${other}: the file was changed or cut off; take another copy`,
    );
  }
  const stateStart = OFFSET.json + bytes.readUInt32LE(OFFSET.jsonByteLength);
  const said = parseSaid(bytes.toString("utf8", OFFSET.json, stateStart));
  if (stateStart > bytes.byteLength || !said) {
    throw new ChatError(
      "expected a text and its turns, found something else; the program that wrote the file is not this one",
    );
  }
  return { ...said, state: bytes.subarray(stateStart) };
}

function foundInstead(bytes: Buffer): string {
  if (bytes.byteLength === 0) return "an empty file";
  return `a file that begins ${JSON.stringify(bytes.toString("latin1", 0, MAGIC.length))}`;
}

function parseSaid(json: string): Said | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { text, turns } = value;
  if (typeof text !== "string" || !Array.isArray(turns) || !turns.every(isTurn)) return undefined;
  return { text, turns: turns.map(({ user, answer }) => ({ user, answer })) };
}

function isTurn(value: unknown): value is ChatTurn {
  return isObject(value) && typeof value["user"] === "string" && typeof value["answer"] === "string";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
