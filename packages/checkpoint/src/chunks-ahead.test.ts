import { expect, test } from "vitest";
import { chunksAhead } from "./chunks-ahead.ts";

/** Chunks in one array, as the contract allows; `log` says what happens when. */
async function* source(log: string[], failAt = Number.POSITIVE_INFINITY) {
  const bytes = new Uint8Array(4);
  try {
    for (let index = 0; index < 3; index++) {
      log.push(`read ${index}`);
      if (index === failAt) throw new Error("unreadable");
      bytes.fill(index);
      yield { byteOffset: 4 * index, bytes };
    }
  } finally {
    log.push("closed");
  }
}

test("gives the chunks that there are, and reads the next one meanwhile", async () => {
  const log: string[] = [];
  for await (const { byteOffset, bytes } of chunksAhead(source(log))) {
    await Promise.resolve();
    log.push(`worked on ${byteOffset}: ${bytes.join("")}`);
  }
  expect(log).toEqual([
    ...["read 0", "read 1", "worked on 0: 0000", "read 2", "worked on 4: 1111", "closed", "worked on 8: 2222"],
  ]);
});

test("an error comes in its turn", async () => {
  const log: string[] = [];
  const worked = async () => {
    for await (const { byteOffset } of chunksAhead(source(log, 1))) log.push(`worked on ${byteOffset}`);
  };
  await expect(worked()).rejects.toThrow("unreadable");
  expect(log).toEqual(["read 0", "read 1", "closed", "worked on 0"]);
});

test("who stops early leaves nothing open, and no error that nobody sees", async () => {
  const log: string[] = [];
  for await (const _ of chunksAhead(source(log, 1))) break;
  expect(log.at(-1)).toBe("closed");
});
