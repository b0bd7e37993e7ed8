/** Readers that do what no reader may, one mistake each, for the test of what finds them. Their fifth file is the one. */
import "@blackmamba/testing/fuzz/bounds";
import { serve } from "../fuzz-serve.mjs";

class Refusal extends Error {
  code = "ERR_REFUSED";
}

/** @type {Record<string, () => unknown>} */
const MISTAKES = {
  "never-ends": () => {
    for (;;);
  },
  "takes-long": () => {
    const end = process.cpuUsage().user + 2_100_000;
    while (process.cpuUsage().user < end);
  },
  "untyped-error": () => {
    throw new TypeError("x is not a function");
  },
  "fills-the-heap": () => {
    const heap = [];
    for (;;) heap.push(new Array(4_000_000).fill(0));
  },
  "one-large-array": () => new Uint8Array(2 ** 30),
  "large-array-caught": () => {
    try {
      new Float64Array(2 ** 27);
    } catch {
      throw new Refusal();
    }
  },
  "many-arrays": () => Array.from({ length: 1000 }, () => new Uint16Array(2 ** 20)).length,
  "pollutes-objects": () => Reflect.set(Object.prototype, "polluted", true),
  "changes-a-prototype": () => Reflect.set(Array.prototype, "at", () => 0),
};

let calls = 0;
await serve(
  Object.entries({ ...MISTAKES, "does-well": () => undefined }).map(([name, mistake]) => ({
    name,
    files: 10,
    outcomes: [],
    make: (random) => random.bytes(8),
    async read() {
      calls++;
      if (calls === 5) mistake();
      if (calls % 2 === 0) throw new Refusal();
    },
    refusals: [Refusal],
  })),
);
