/**
 * Which calls of a program run in one dispatch, as a chain: and where each finds what the ones before it have made.
 *
 * What one call of a chain writes and another reads is *exchanged*: it lies in the chain's arena, one place for each version of
 * it, so that nothing is ever overwritten and the only thing to wait for is that a word has been written. Not here: the
 * shader that comes of it (`link.ts`), and running it.
 */

import { roundUp } from "../../dtype.ts";
import type { Binding, Shader } from "../../kernel.ts";
import type { Tensor } from "../../tensor.ts";
import { placeOf, resourceOf } from "../gpu-storage.ts";
import { workgroupByteLength } from "./workgroup-memory.ts";

/**
 * Threads of a workgroup of every shader in a chain, where a device allows so many: as measured. 256 are what every WebGPU device
 * allows.
 */
const WORKGROUP_SIZES = [384, 256];

/** Threads of a workgroup of every shader in a chain; undefined on a device that has no room for chains. */
export function chainWorkgroupSize(most: number): number | undefined {
  return WORKGROUP_SIZES.find((size) => size <= most);
}

/** Storage buffers of a chain itself: its tiles and its arena. */
const OWN_BUFFERS = 2;

/** Bytes of a chain's rows, which are uniforms: as many as WebGPU promises to bind. */
export const ROWS_BYTE_LENGTH = 65_536;

/** What a device can bind. */
export interface ChainLimits {
  /** Of each shader. */
  readonly workgroupSize: number;
  readonly maxStorageBuffers: number;
  readonly maxBindingByteLength: number;
  readonly maxWorkgroups: number;
  readonly maxWorkgroupByteLength: number;
}

/** A place in a variable of the chain, from this element of it on. */
export interface PlainPlace {
  readonly kind: "plain";
  readonly variable: number;
  readonly element: number;
}

/** Where a link of a chain finds one of its bindings. */
export type Place =
  | PlainPlace
  /** In the arena, and what is written where nobody in the chain reads it only in its tensor, or in both. */
  | { readonly kind: "arena"; readonly word: number | undefined; readonly keep?: PlainPlace | undefined };

/** A variable of the chain's shader: a type's view of a buffer. */
export interface ChainVariable {
  readonly buffer: GPUBuffer;
  readonly type: string;
  access: Binding["access"];
}

/** A call in a chain. */
export interface Link {
  readonly shader: Shader;
  /** One for each binding of the shader. */
  readonly places: readonly Place[];
}

/** Calls that run in one dispatch. */
export interface ChainPlan {
  readonly workgroupSize: number;
  readonly links: readonly Link[];
  readonly variables: readonly ChainVariable[];
  /** Words of one half of the arena. */
  readonly words: number;
  readonly tiles: number;
}

/** Bytes of an element of each type that a variable may have. */
const ELEMENT_BYTE_LENGTH: Readonly<Record<string, number>> = {
  "array<f32>": 4,
  "array<u32>": 4,
  "array<vec2<u32>>": 8,
  "array<vec4<u32>>": 16,
  "array<vec4<f32>>": 16,
};

interface Region {
  readonly buffer: GPUBuffer;
  readonly start: number;
  readonly end: number;
}

/** What one link wrote of a tensor. */
interface Version extends Region {
  /** In the arena, once it is read. */
  word: number | undefined;
  readonly tensor: Tensor;
  readonly link: number;
  readonly binding: number;
}

/**
 * Divides a program into chains and single calls.
 *
 * @param shaders - of the program's calls, in order, made for chains
 * @param outputs - tensors that are read after it
 * @returns for each part its first call and the one after its last, and the plan where there is more than one
 */
export function planChains(
  shaders: readonly Shader[],
  outputs: readonly Tensor[],
  limits: ChainLimits,
): { readonly start: number; readonly end: number; readonly plan?: ChainPlan }[] {
  const parts = [];
  // Codes are long, and compared again and again.
  const codes = new Map<string, number>();
  const calls = shaders.map((shader) => {
    const text = `${shader.code}\n${shader.main}`;
    const code = codes.get(text) ?? codes.size;
    codes.set(text, code);
    return { shader, code, regions: shader.bindings.map(regionOf) };
  });
  for (let start = 0; start < shaders.length; ) {
    const other = shaders.findIndex((shader, i) => i >= start && shader.workgroupSize !== limits.workgroupSize);
    const last = other < 0 ? shaders.length : other;
    const plan = (end: number) => planChain(calls, start, end, outputs, limits);
    // All that may be in it, or else as much as fits.
    const whole = last > start + 1 ? plan(last).plan : undefined;
    const found = whole ? { end: last, plan: whole } : longestChain(start, last, plan);
    parts.push({ start, ...(found ?? { end: start + 1 }) });
    start = found?.end ?? start + 1;
  }
  return parts;
}

/** The longest chain of two calls or more; but rather a little shorter where fewer tensors are kept, between two layers. */
function longestChain(
  start: number,
  last: number,
  plan: (end: number) => ReturnType<typeof planChain>,
): { end: number; plan: ChainPlan } | undefined {
  let best: { end: number; plan: ChainPlan; kept: number } | undefined;
  for (let end = start + 1; end <= last; end++) {
    const found = plan(end);
    if (!found.extendable) break;
    const isBetter = !best || found.kept <= best.kept || end > best.end + MAX_LOST_CALLS;
    if (found.plan && isBetter) best = { end, plan: found.plan, kept: found.kept };
  }
  return best && best.end > start + 1 ? { end: best.end, plan: best.plan } : undefined;
}

/** A call, and what is asked of it again and again. */
interface Call {
  readonly shader: Shader;
  /** The same number for the same code. */
  readonly code: number;
  /** Of each binding. */
  readonly regions: readonly Region[];
}

/** So many calls less a chain may have to keep fewer tensors: the calls of two layers. */
const MAX_LOST_CALLS = 8;

/** Plans the calls from `start` to `end`; they are not extendable where no chain can hold them, whatever follows. */
function planChain(
  calls: readonly Call[],
  start: number,
  end: number,
  outputs: readonly Tensor[],
  limits: ChainLimits,
): { extendable: boolean; plan?: ChainPlan; kept: number } {
  const variables: ChainVariable[] = [];
  const versions: Version[] = [];
  const reads: (Region & { link: number })[] = [];
  const writes: (Region & { link: number })[] = [];
  let words = 0;
  let tiles = 0;

  /** For each link, those of which every workgroup has ended before one of its own has all that it reads. */
  const followed: Set<number>[] = [];
  /** What links read that nobody in the chain has written before. */
  const early: (Region & { link: number; isAll: boolean })[] = [];
  const variable = (tensor: Tensor, byteRange: { byteOffset: number }, type: string, access: Binding["access"]) => {
    const { buffer, offset } = placeOf(tensor, byteRange);
    let index = variables.findIndex((other) => other.buffer === buffer && other.type === type);
    if (index < 0) index = variables.push({ buffer, type, access }) - 1;
    const known = variables[index] as ChainVariable;
    if (access === "read_write") known.access = access;
    return { kind: "plain" as const, variable: index, element: offset / (ELEMENT_BYTE_LENGTH[type] ?? Number.NaN) };
  };

  const links: { shader: Shader; places: Place[] }[] = [];
  const setPlace = ({ link, binding }: Version, place: Place) => {
    (links[link] as { places: Place[] }).places[binding] = place;
  };
  /** By a shader's code, in which variables it is linked. */
  const linkedIn = new Map<number, string>();
  let rowsByteLength = 0;
  for (const { shader, code, regions } of calls.slice(start, end)) {
    if (shader.workgroupSize !== limits.workgroupSize) return { extendable: false, kept: 0 };
    const link = links.length;
    const places: Place[] = [];
    const written: Version[] = [];
    const readWhole = new Map<Version, Region[]>();
    for (const [index, binding] of shader.bindings.entries()) {
      const region = regions[index] as Region;
      const overlaps = (other: Region) => overlap(other, region);
      if (!binding.exchanged) {
        const isTouched =
          versions.some(overlaps) ||
          writes.some((other) => other.link !== link && overlaps(other)) ||
          (binding.access === "read_write" &&
            [...reads, ...early].some((other) => other.link !== link && overlaps(other)));
        if (isTouched || !(binding.type in ELEMENT_BYTE_LENGTH)) return { extendable: false, kept: 0 };
        (binding.access === "read" ? reads : writes).push({ ...region, link });
        const range = binding.part === "scales" ? binding.tensor.scales : binding.tensor.values;
        places.push(variable(binding.tensor, range ?? binding.tensor.values, binding.type, binding.access));
      } else if (binding.access === "read") {
        const version = versions.findLast(overlaps);
        if (version && !(version.start <= region.start && region.end <= version.end)) {
          return { extendable: false, kept: 0 };
        }
        if (version) {
          if (version.word === undefined) {
            version.word = words;
            words += (version.end - version.start) / 4;
            setPlace(version, { kind: "arena", word: version.word });
          }
          places.push({ kind: "arena", word: version.word + (region.start - version.start) / 4 });
          // What a single workgroup makes is there as a whole when any of it is waited for by all.
          const isWhole = tileCount((links[version.link] as Link).shader) === 1;
          const all = isWhole ? [version] : binding.exchanged === "all" ? [region] : [];
          readWhole.set(version, [...(readWhole.get(version) ?? []), ...all]);
        } else {
          if (writes.some((other) => other.link !== link && overlaps(other))) return { extendable: false, kept: 0 };
          const place = variable(binding.tensor, binding.tensor.values, "array<u32>", "read");
          places.push({ ...place, element: place.element + binding.tensor.offset });
          early.push({ ...region, link, isAll: binding.exchanged === "all" });
        }
      } else {
        if ([...reads, ...writes].some(overlaps)) return { extendable: false, kept: 0 };
        written.push({ ...region, word: undefined, tensor: binding.tensor, link, binding: index });
        places.push({ kind: "arena", word: undefined });
      }
    }
    // In other variables a function would have to be there twice. Rather another chain, which may be of the same code.
    const isPlain = ({ exchanged }: Binding) => !exchanged;
    const used = shader.bindings.flatMap((binding, i) =>
      isPlain(binding) ? [(places[i] as PlainPlace).variable] : [],
    );
    if ((linkedIn.get(code) ?? `${used}`) !== `${used}`) return { extendable: false, kept: 0 };
    linkedIn.set(code, `${used}`);
    // A row has a word for each binding, and one more for those that are kept, after four others.
    rowsByteLength += roundUp(4 * (4 + 2 * shader.bindings.length), 16);
    // What a link writes it does not read: that is of the link before.
    versions.push(...written);
    const makers = [...readWhole].filter(([version, regions]) => covers(regions, version)).map(([{ link }]) => link);
    followed.push(new Set(makers.flatMap((maker) => [maker, ...(followed[maker] ?? [])])));
    links.push({ shader, places });
    tiles += tileCount(shader);
  }

  // What others read after the chain goes to its tensor as well: the last version of it.
  const later = calls.slice(end);
  const kept = new Set<GPUBuffer>();
  let isSafe = true;
  for (const [index, version] of versions.entries()) {
    const same = (other: Region) => overlap(other, version);
    if (versions.slice(index + 1).some(same) || !isWanted(version, later, outputs)) continue;
    const keep = variable(version.tensor, version.tensor.values, "array<u32>", "read_write");
    const element = keep.element + version.tensor.offset;
    setPlace(version, { kind: "arena", word: version.word, keep: { ...keep, element } });
    kept.add(version.buffer);
    // It takes the place of what was there, so whoever reads that must have done so.
    const isOver = ({ link, isAll }: { link: number; isAll: boolean }) =>
      followed[version.link]?.has(link) || (link === version.link && !isAll);
    isSafe &&= early.every((read) => !same(read) || isOver(read));
  }

  if (tiles > limits.maxWorkgroups) return { extendable: false, kept: 0 };
  // WebGPU lets no buffer that is written be bound twice.
  const isBoundTwice = variables.some(
    (one) => one.access === "read_write" && variables.some((other) => other !== one && other.buffer === one.buffer),
  );
  const fits =
    isSafe &&
    !isBoundTwice &&
    workgroupByteLength(calls.slice(start, end).map(({ shader }) => shader)) <= limits.maxWorkgroupByteLength &&
    rowsByteLength <= ROWS_BYTE_LENGTH &&
    variables.length + OWN_BUFFERS <= limits.maxStorageBuffers &&
    variables.every(({ buffer }) => buffer.size <= limits.maxBindingByteLength);
  const plan = { workgroupSize: limits.workgroupSize, links, variables, words, tiles };
  return { extendable: true, ...(fits && { plan }), kept: kept.size };
}

/** Whether one of these calls, or who reads the outputs, may read a region before it is written anew. */
function isWanted(region: Region, later: readonly Call[], outputs: readonly Tensor[]): boolean {
  for (const { shader, regions } of later) {
    const touching = shader.bindings.flatMap((binding, i) => {
      const own = regions[i] as Region;
      return overlap(own, region) ? [{ binding, own }] : [];
    });
    if (touching.some(({ binding }) => isReading(binding))) return true;
    const isWrittenAnew = touching.some(({ own }) => covers([own], region));
    if (isWrittenAnew) return false;
  }
  return outputs.some((output) => overlap(tensorRegion(output), region));
}

function overlap(a: Region, b: Region): boolean {
  return a.buffer === b.buffer && a.start < b.end && b.start < a.end;
}

/** Whether a shader may read what was there before; what is exchanged has a binding for that of its own. */
function isReading({ exchanged, access }: Binding): boolean {
  return !(exchanged && access === "read_write");
}

function tileCount(shader: Shader): number {
  const [x, y, z] = shader.workgroups(1);
  return x * y * z;
}

/** Whether these regions of one buffer together have all bytes of another. */
function covers(regions: readonly Region[], { start, end }: Region): boolean {
  let at = start;
  for (const region of regions.toSorted((a, b) => a.start - b.start))
    if (region.start <= at) at = Math.max(at, region.end);
  return at >= end;
}

/** The bytes that a binding may touch; of an exchanged one, those of its one row. */
function regionOf(binding: Binding): Region {
  if (binding.exchanged) return tensorRegion(binding.tensor);
  const { buffer, offset = 0, size = 0 } = resourceOf(binding);
  return { buffer, start: offset, end: offset + size };
}

function tensorRegion(tensor: Tensor): Region {
  const { buffer, offset } = placeOf(tensor, tensor.values);
  const start = offset + tensor.offset * 4;
  return { buffer, start, end: start + (tensor.shape.at(-1) ?? 1) * 4 };
}
