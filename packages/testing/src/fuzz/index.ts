/**
 * What fuzz targets are made of. Free of vitest: they run in a process of their own, see `scripts/fuzz.mjs`.
 *
 * @packageDocumentation
 */
export { type GgufFile, type GgufTensor, ggufFile, type TypedValue } from "../gguf-bytes.ts";
export { damageBytes, joined, overwritten } from "./damage-bytes.ts";
export { damagedJson, hostileJson } from "./damage-json.ts";
export { hostileNumber, hostileText, hostileWord } from "./hostile.ts";
export { Random, randomOfCase } from "./random.ts";
export { FuzzFailure, type FuzzTarget, outcomeOf } from "./target.ts";
