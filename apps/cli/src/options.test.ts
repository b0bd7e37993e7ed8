import { describe, expect, test } from "vitest";
import { UsageError } from "./errors.ts";
import {
  parseDevice,
  parseLogitBias,
  parseLogprobs,
  parseMaxTokens,
  parseMinP,
  parseMinTokens,
  parseModelFolder,
  parsePenalty,
  parseQuantize,
  parseRepetitionPenalty,
  parseSeed,
  parseShardSize,
  parseStop,
  parseStopId,
  parseTemperature,
  parseTopK,
  parseTopP,
  parseTypicalP,
} from "./options.ts";

/** No number at all, whichever option it is given to. */
const NO_NUMBERS = [
  "",
  " ",
  "NaN",
  "Infinity",
  "-Infinity",
  "-1",
  "+1",
  "1e3x",
  "0x10",
  "1,5",
  "1_000",
  "one",
  "--json",
  " 1",
  "1\n",
  "1e999",
];

describe.each([
  {
    option: "--max-tokens",
    parse: parseMaxTokens,
    good: { "1": 1, "200": 200, "007": 7, "9007199254740991": Number.MAX_SAFE_INTEGER },
    bad: ["0", "1.5", "1e3", "9007199254740993"],
    expected: "a whole number of 1 or more",
  },
  {
    option: "--temperature",
    parse: parseTemperature,
    good: { "0": 0, "0.8": 0.8, ".5": 0.5, "1.": 1, "1e-2": 0.01, "2E1": 20 },
    bad: ["-0.1", "1.2.3", "."],
    expected: "a number of 0 or more",
  },
  {
    option: "--top-k",
    parse: parseTopK,
    good: { "1": 1, "40": 40 },
    bad: ["0", "1.5", "1e2"],
    expected: "a whole number of 1 or more",
  },
  {
    option: "--top-p",
    parse: parseTopP,
    good: { "1": 1, "0.95": 0.95, "1e-9": 1e-9 },
    bad: ["0", "0.0", "1.0001", "2"],
    expected: "a number above 0 and at most 1",
  },
  {
    option: "--min-p",
    parse: parseMinP,
    good: { "0": 0, "0.05": 0.05, "1": 1 },
    bad: ["1.0001", "2"],
    expected: "a number from 0 to 1",
  },
  {
    option: "--repetition-penalty",
    parse: parseRepetitionPenalty,
    good: { "1": 1, "1.1": 1.1, ".9": 0.9 },
    bad: ["0", "0.0", "1e999"],
    expected: "a number above 0",
  },
  {
    option: "--typical-p",
    parse: parseTypicalP,
    good: { "1": 1, "0.2": 0.2 },
    bad: ["0", "1.0001", "-0.5"],
    expected: "a number above 0 and at most 1",
  },
  {
    option: "--min-tokens",
    parse: parseMinTokens,
    good: { "0": 0, "30": 30 },
    bad: ["1.5", "1e3"],
    expected: "a whole number of 0 or more",
  },
  {
    option: "--logprobs",
    parse: parseLogprobs,
    good: { "0": 0, "20": 20 },
    bad: ["21", "1.5"],
    expected: "a whole number from 0 to 20",
  },
  {
    option: "--stop-id",
    parse: (text: string) => parseStopId(text)[0],
    good: { "0": 0, "50279": 50_279 },
    bad: ["1.5", "1e2"],
    expected: "an id of the vocabulary, a whole number of 0 or more",
  },
  {
    option: "--seed",
    parse: parseSeed,
    good: { "0": 0, "42": 42, "4294967295": 4_294_967_295 },
    bad: ["4294967296", "1.5", "1e3"],
    expected: "a whole number from 0 to 4294967295",
  },
])("$option", ({ option, parse, good, bad, expected }) => {
  test.each(Object.entries(good))("takes %j", (text, value) => expect(parse(text)).toBe(value));

  test.each([...NO_NUMBERS, ...bad])("refuses %j, naming itself and its range", (text) => {
    expect(() => parse(text)).toThrow(UsageError);
    expect(() => parse(text)).toThrow(`${option}: expected ${expected}, found ${JSON.stringify(text)}`);
  });
});

test("--device takes three names", () => {
  expect(["auto", "webgpu", "cpu"].map(parseDevice)).toEqual(["auto", "webgpu", "cpu"]);
  for (const text of ["", "gpu", "CPU"]) {
    expect(() => parseDevice(text)).toThrow(`--device: expected auto, webgpu or cpu, found ${JSON.stringify(text)}`);
  }
});

test("--quantize takes two types, and none", () => {
  expect(["q8_0", "q4_0", "none"].map(parseQuantize)).toEqual(["q8_0", "q4_0", "none"]);
  for (const text of ["", "q8", "Q4_0", "--json"]) {
    expect(() => parseQuantize(text)).toThrow(`--quantize: expected q8_0, q4_0 or none, found ${JSON.stringify(text)}`);
  }
});

test("--model takes a folder, and is not satisfied with the option that follows it", () => {
  expect(parseModelFolder("./-model")).toBe("./-model");
  for (const text of ["", "--json"]) {
    expect(() => parseModelFolder(text)).toThrow(
      `--model: expected a folder, an address or a name on a hub, found ${JSON.stringify(text)}`,
    );
  }
});

test("--stop takes any text but none, and each use adds one", () => {
  expect(parseStop("\n\n", parseStop("--"))).toEqual(["--", "\n\n"]);
  expect(() => parseStop("")).toThrow('--stop: expected some text, found ""');
});

test("penalties are numbers that may be negative", () => {
  const parse = parsePenalty("--presence-penalty");
  expect(["0", "2", "-2", "-.5", "1e-1"].map(parse)).toEqual([0, 2, -2, -0.5, 0.1]);
  for (const text of [...NO_NUMBERS.filter((other) => other !== "-1"), "2.1", "-2.1", "--1", "-", "- 1"]) {
    const message = `--presence-penalty: expected a number from -2 to 2, found ${JSON.stringify(text)}`;
    expect(() => parse(text)).toThrow(message);
  }
});

test("--logit-bias takes ids, each with a number of either sign, and each use adds one", () => {
  const biases = ["42:-2.5", "0:100", "7:-Infinity", "8:.5"];
  expect(biases.reduce((before, text) => parseLogitBias(text, before), {})).toEqual({
    ...{ 42: -2.5, 0: 100, 7: Number.NEGATIVE_INFINITY, 8: 0.5 },
  });
  for (const text of [
    "",
    "42",
    ":",
    "42:",
    ":1",
    "-1:1",
    "1.5:1",
    "1:2:3",
    "1:Infinity",
    "1:-1e999",
    "1:NaN",
    "1: 2",
  ]) {
    expect(() => parseLogitBias(text)).toThrow(
      `--logit-bias: expected an id and what is added to its logit, such as 42:-2.5 or 42:-Infinity, found ${JSON.stringify(text)}`,
    );
  }
  expect(() => parseLogitBias("42:1", { 42: 0 })).toThrow(
    '--logit-bias: expected one bias for the id 42, found "42:1"',
  );
});

test("each use of --stop-id adds one", () => {
  expect(parseStopId("0", parseStopId("7"))).toEqual([7, 0]);
});

test("--shard-size takes a size with its unit", () => {
  const sizes = ["2GB", "1.5 gb", "500MB", "500MiB", "1GiB", "64kB", "2KiB", "1TB"].map(parseShardSize);
  expect(sizes).toEqual([2e9, 1.5e9, 5e8, 500 * 2 ** 20, 2 ** 30, 64_000, 2048, 1e12]);
  for (const text of [
    "",
    "2",
    "GB",
    "0GB",
    "-1GB",
    "2GBs",
    "2 G",
    "1e3MB",
    "0x1GB",
    "0.0001kB",
    "99999999TB",
    "--force",
  ]) {
    expect(() => parseShardSize(text)).toThrow(
      `--shard-size: expected a size with its unit, such as 2GB or 500MiB, found ${JSON.stringify(text)}`,
    );
  }
});
