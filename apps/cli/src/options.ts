/**
 * Values on the command line: each parser takes the text a user gave and returns the value, or says what was expected.
 * Strict on purpose: `1e3x`, `0x10` or an empty text is a mistake to name, not a number to guess.
 */

import type { DeviceChoice, QuantizedDType } from "@blackmamba/model";
import { PRESET_NAMES, type PresetName } from "./bench/presets.ts";
import { UsageError } from "./errors.ts";

/** Seeds are 32 bits, as the library's generator has. */
const MAX_SEED = 2 ** 32 - 1;

/** Of a bench's tokens, runs and sequences: beyond any use, and exact. */
const MAX_COUNT = 10_000_000;

/** Likeliest tokens that log-probabilities are given of, as the library has it. */
const MAX_LOGPROBS = 20;

/** Penalties, as the library has them. */
const MAX_PENALTY = 2;

/** Decimal only. A sign only where an option says so: most take no negative number. */
const WHOLE_NUMBER = /^\d+$/;
const NUMBER = /^(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

export function parseMaxTokens(text: string): number {
  return wholeNumber("--max-tokens", text, 1, Number.MAX_SAFE_INTEGER, "a whole number of 1 or more");
}

export function parseTemperature(text: string): number {
  const value = number(text);
  if (Number.isFinite(value)) return value;
  throw wrong("--temperature", "a number of 0 or more", text);
}

export function parseTopK(text: string): number {
  return wholeNumber("--top-k", text, 1, Number.MAX_SAFE_INTEGER, "a whole number of 1 or more");
}

export function parseTopP(text: string): number {
  const value = number(text);
  if (value > 0 && value <= 1) return value;
  throw wrong("--top-p", "a number above 0 and at most 1", text);
}

export function parseMinP(text: string): number {
  const value = number(text);
  if (value >= 0 && value <= 1) return value;
  throw wrong("--min-p", "a number from 0 to 1", text);
}

export function parseRepetitionPenalty(text: string): number {
  const value = number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw wrong("--repetition-penalty", "a number above 0", text);
}

export function parseTypicalP(text: string): number {
  const value = number(text);
  if (value > 0 && value <= 1) return value;
  throw wrong("--typical-p", "a number above 0 and at most 1", text);
}

/** Parses a penalty, which may be a reward. */
export function parsePenalty(option: string): (text: string) => number {
  return (text) => {
    const value = signedNumber(text);
    if (Math.abs(value) <= MAX_PENALTY) return value;
    throw wrong(option, `a number from ${-MAX_PENALTY} to ${MAX_PENALTY}`, text);
  };
}

/** Each use of the option adds one. */
export function parseLogitBias(
  text: string,
  before: Readonly<Record<number, number>> = {},
): Readonly<Record<number, number>> {
  const [, idText = "", biasText = ""] = /^([^:]*):(.*)$/.exec(text) ?? [];
  const isBan = biasText === "-Infinity";
  const bias = isBan ? Number.NEGATIVE_INFINITY : signedNumber(biasText);
  if (!WHOLE_NUMBER.test(idText) || Number(idText) > MAX_COUNT || !(isBan || Number.isFinite(bias))) {
    throw wrong("--logit-bias", "an id and what is added to its logit, such as 42:-2.5 or 42:-Infinity", text);
  }
  const id = Number(idText);
  if (id in before) throw wrong("--logit-bias", `one bias for the id ${id}`, text);
  return { ...before, [id]: bias };
}

export function parseMinTokens(text: string): number {
  return wholeNumber("--min-tokens", text, 0, Number.MAX_SAFE_INTEGER, "a whole number of 0 or more");
}

export function parseLogprobs(text: string): number {
  return wholeNumber("--logprobs", text, 0, MAX_LOGPROBS, `a whole number from 0 to ${MAX_LOGPROBS}`);
}

/** Each use of the option adds one. */
export function parseStopId(text: string, before: readonly number[] = []): readonly number[] {
  return [...before, vocabularyId("--stop-id", text)];
}

/** Each use of the option adds one. */
export function parseStop(text: string, before: readonly string[] = []): readonly string[] {
  if (text !== "") return [...before, text];
  throw wrong("--stop", "some text", text);
}

export function parseSeed(text: string): number {
  return wholeNumber("--seed", text, 0, MAX_SEED, `a whole number from 0 to ${MAX_SEED}`);
}

export function parseDevice(text: string): DeviceChoice {
  if (text === "auto" || text === "webgpu" || text === "cpu") return text;
  throw wrong("--device", "auto, webgpu or cpu", text);
}

/** What `--quantize` takes. */
export type Quantize = QuantizedDType | "none";

export function parseQuantize(text: string): Quantize {
  if (text === "q8_0" || text === "q4_0" || text === "none") return text;
  throw wrong("--quantize", "q8_0, q4_0 or none", text);
}

/** What `convert` writes. */
export type Format = "safetensors" | "gguf";

export function parseFormat(text: string): Format {
  if (text === "safetensors" || text === "gguf") return text;
  throw wrong("--format", "safetensors or gguf", text);
}

/** Bytes of each unit, by its name in small letters: decimal as disks are sold, and binary. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  ...{ kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};

export function parseShardSize(text: string): number {
  return byteSize("--shard-size", text);
}

/** 0 keeps no prompts. */
export function parsePrefixCache(text: string): number {
  return text === "0" ? 0 : byteSize("--prefix-cache", text);
}

export function parseBodyLimit(text: string): number {
  return byteSize("--body-limit", text);
}

/** A size in bytes, as transformers writes sizes: `2GB`, `500MiB`. */
function byteSize(option: string, text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i.exec(text) ?? [];
  const byteLength = Math.floor(Number(number) * (SIZE_UNITS[unit.toLowerCase()] ?? Number.NaN));
  if (byteLength >= 1 && Number.isSafeInteger(byteLength)) return byteLength;
  throw wrong(option, "a size with its unit, such as 2GB or 500MiB", text);
}

/** As the library has it. */
export function quantizedType(quantize: Quantize): QuantizedDType | undefined {
  return quantize === "none" ? undefined : quantize;
}

export function parseSource(text: string): string {
  return path("source", text, "a model's folder, its weights' file, an address or a name on a hub");
}

/** Types of elements that are not quantised. */
export type FloatDType = "f32" | "f16" | "bf16";

/** What `synth` writes. */
export type SynthFormat = "bin" | "safetensors";

export function parseSynthFormat(text: string): SynthFormat {
  if (text === "bin" || text === "safetensors") return text;
  throw wrong("--format", "bin or safetensors", text);
}

export function parsePreset(text: string): PresetName {
  const preset = PRESET_NAMES.find((name) => name === text.toLowerCase());
  if (preset) return preset;
  throw wrong("--preset", PRESET_NAMES.join(", "), text);
}

export function parseDType(text: string): FloatDType {
  if (text === "f32" || text === "f16" || text === "bf16") return text;
  throw wrong("--dtype", "bf16, f16 or f32", text);
}

/** Parses an option that counts something, of which there has to be one at least, or so many. */
export function parseCount(option: string, least = 1): (text: string) => number {
  return (text) => wholeNumber(option, text, least, MAX_COUNT, `a whole number from ${least} to ${MAX_COUNT}`);
}

/** What `eval` measures. */
export type EvalTask = "perplexity" | "lambada";

export function parseTask(text: string): EvalTask {
  if (text === "perplexity" || text === "lambada") return text;
  throw wrong("--task", "perplexity or lambada", text);
}

export function parseStartId(text: string): number {
  return vocabularyId("--start-id", text);
}

export function parsePort(text: string): number {
  return wholeNumber("--port", text, 0, 65_535, "a port from 1 to 65535, or 0 for any that is free");
}

/** A time in seconds; in milliseconds. */
export function parseSeconds(option: string): (text: string) => number {
  return (text) => {
    const value = number(text);
    // Timers count milliseconds in 31 bits.
    if (value >= 0.001 && value <= 1_000_000) return Math.round(value * 1000);
    throw wrong(option, "a number of seconds from 0.001 to 1000000", text);
  };
}

/** Each use of the option adds one. */
export function parseOrigin(text: string, before: readonly string[] = []): readonly string[] {
  if (text === "*" || (URL.canParse(text) && new URL(text).origin === text)) return [...before, text];
  throw wrong("--cors", "an origin, such as https://example.com, or *", text);
}

/** Parses an option that names something: a model, a host, a file. */
export function parseWord(option: string, expected: string): (text: string) => string {
  return (text) => {
    // "--host --port": the value was forgotten, and the next option taken for it.
    if (text !== "" && !text.startsWith("--")) return text;
    throw wrong(option, expected, text);
  };
}

export function parseFile(option: string): (text: string) => string {
  return parseWord(option, "a file");
}

export const parseReportFile = parseWord("--compare", "a file that blackmamba bench --json wrote");

/** Parses an option whose value is text, or `@` and a file. */
export function parseText(option: string): (text: string) => string {
  return (text) => {
    if (text !== "" && text !== "@") return text;
    throw wrong(option, "some text, or @ and a file", text);
  };
}

export function parseSavedChat(text: string): string {
  return path("--load", text, "a file that /save has written");
}

export function parseTarget(text: string): string {
  return path("folder", text, "the folder to write to");
}

export const parseModelFolder = parseWord("--model", "a folder, an address or a name on a hub");

function path(argument: string, text: string, expected: string): string {
  if (text !== "") return text;
  throw wrong(argument, expected, text);
}

/** Which vocabulary that is, only the model knows. */
function vocabularyId(option: string, text: string): number {
  return wholeNumber(option, text, 0, MAX_COUNT, "an id of the vocabulary, a whole number of 0 or more");
}

function wholeNumber(option: string, text: string, least: number, most: number, expected: string): number {
  const value = WHOLE_NUMBER.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw wrong(option, expected, text);
}

function number(text: string): number {
  return NUMBER.test(text) ? Number(text) : Number.NaN;
}

function signedNumber(text: string): number {
  return text.startsWith("-") ? -number(text.slice(1)) : number(text);
}

function wrong(option: string, expected: string, text: string): UsageError {
  return new UsageError(option, expected, JSON.stringify(text));
}
