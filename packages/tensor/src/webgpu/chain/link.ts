/**
 * Makes one shader of a chain's links, and the table that leads it through them.
 *
 * A workgroup draws a ticket, which is the next tile of work in the order of the calls, and does that tile alone. It waits for
 * what it reads, word by word, until it is there. Whatever a ticket waits for has been drawn by a workgroup that is already
 * running, so a chain ends on every device that lets workgroups go on once it has begun them; WebGPU does not promise that, so
 * only devices for which it is known have chains, and a wait that takes too long gives up.
 *
 * A word says by itself whether it is there: it holds a pattern that no number is written with until then. So nothing depends on
 * the order in which different words become visible, about which WGSL promises nothing either; atomics make each word visible
 * to all. The arena has two halves, which runs take in turn: who writes a word makes the same word of the other half absent again.
 * (The same way of telling what is there, for scans: Decoupled Fallback, Smith et al., SPAA 2025.)
 */
import { roundUp } from "../../dtype.ts";
import { type ChainPlan, type Link, type Place, type PlainPlace, ROWS_BYTE_LENGTH } from "./chain-plan.ts";
import { declaredNames, reindexed, renamed } from "./wgsl-text.ts";
import { WorkgroupMemory } from "./workgroup-memory.ts";

/** A word that is not there yet: a NaN, but none that arithmetic makes. */
const ABSENT = 0xffff_dead;

/** How often a workgroup looks for a word before it gives up: seconds, where a word takes microseconds. */
const MAX_TRIES = 2 ** 24;

/** Bindings ahead of the plan's variables. */
const OWN_BINDINGS = 3;

/** Words of an arena ahead of its halves: the ticket, whether a wait was given up, and none that share their cache line. */
const ARENA_HEADER_WORDS = 64;

/** Which word of an arena says whether a wait was given up. */
export const GAVE_UP_WORD = 1;

/** Words of the tiles' table ahead of the tiles: how many there are, words of half an arena. */
const HEADER_WORDS = 2;

/** A chain's shader, but for its bindings: 0 are the rows, 1 the tiles, 2 the arena, then the plan's variables in order. */
export interface LinkedChain {
  readonly code: string;
  /** Of each link: its function, its counts of workgroups, and where its operands are. */
  readonly rows: Uint32Array<ArrayBuffer>;
  /** Of each tile: its row, and its index within the link. */
  readonly tiles: Uint32Array<ArrayBuffer>;
  /** What the arena holds before the first run. */
  readonly arena: Uint32Array<ArrayBuffer>;
}

/** A link's own code; links of equal code share a function. */
interface Body {
  readonly declarations: string;
  /** Statements. */
  readonly main: string;
  /** Names of private variables, in the order of a row's words. */
  readonly words: readonly string[];
}

/** Links the calls of a plan. */
export function linkChain({ workgroupSize, links, variables, words, tiles }: ChainPlan): LinkedChain {
  const bodies: string[] = [];
  const memory = new WorkgroupMemory();
  const enables = new Set(links.flatMap(({ shader }) => shader.enables ?? []));
  const functions = new Map<string, number>();
  const linkRows: number[][] = [];
  for (const link of links) {
    const body = bodyOf(link, (variable) => `variable_${variable}`);
    const key = `${body.declarations}\n${body.main}`;
    let index = functions.get(key);
    if (index === undefined) {
      index = functions.size;
      functions.set(key, index);
      bodies.push(functionOf(body, index, memory));
    }
    linkRows.push([index, ...link.shader.workgroups(1), ...rowWords(link)]);
  }

  const rows = new Uint32Array(ROWS_BYTE_LENGTH / 4);
  const table = [tiles, words];
  let at = 0;
  for (const row of linkRows) {
    const [, x = 1, y = 1, z = 1] = row;
    for (let tile = 0; tile < x * y * z; tile++) table.push(at / 4, tile);
    rows.set(row, at);
    at = roundUp(at + row.length, 4);
  }

  return {
    rows,
    tiles: Uint32Array.from(table),
    arena: new Uint32Array(ARENA_HEADER_WORDS + 2 * words).fill(ABSENT, ARENA_HEADER_WORDS),
    code: `${[...enables].map((feature) => `enable ${feature};`).join("\n")}
@group(0) @binding(0) var<uniform> chain_rows: array<vec4<u32>, ${ROWS_BYTE_LENGTH / 16}>;
@group(0) @binding(1) var<storage, read> chain_tiles: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> chain_arena: array<atomic<u32>>;
${variables
  .map(
    ({ access, type }, i) => `@group(0) @binding(${i + OWN_BINDINGS}) var<storage, ${access}> variable_${i}: ${type};`,
  )
  .join("\n")}
struct Run { tokens: u32 }
const run = Run(1u);
var<workgroup> chain_drawn: u32;
// Where this run's half of the arena begins, and the other.
var<private> chain_here: u32;
var<private> chain_other: u32;
fn is_absent(bits: u32) -> bool { return bits == ${ABSENT}u; }
// Once one has given up, so do all that wait.
fn gives_up(tries: u32) -> bool {
  if (tries < ${MAX_TRIES}u) { return tries % 1024u == 1023u && atomicLoad(&chain_arena[1]) != 0u; }
  atomicStore(&chain_arena[1], 1u);
  return true;
}
${memory.declarations}
${bodies.join("\n")}

@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) begun: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let header = chain_tiles[0];
  // Workgroups nearly always begin in order: what would then be the tile is read while the ticket is drawn.
  var tile = chain_tiles[${HEADER_WORDS / 2}u + begun.x];
  if (thread == 0u) {
    let tiles = header.x;
    let drawn = atomicAdd(&chain_arena[0], 1u);
    // The last one makes ready for the next run: tickets count from 0 again, and their highest bit is the other half.
    if ((drawn & 0x7fffffffu) == tiles - 1u) { atomicAdd(&chain_arena[0], 0x80000000u - tiles); }
    chain_drawn = drawn;
  }
  let drawn = workgroupUniformLoad(&chain_drawn);
  let ticket = drawn & 0x7fffffffu;
  if (ticket != begun.x) { tile = chain_tiles[${HEADER_WORDS / 2}u + ticket]; }
  let half = (drawn >> 31u) * header.y;
  chain_here = ${ARENA_HEADER_WORDS}u + half;
  chain_other = ${ARENA_HEADER_WORDS}u + header.y - half;
  let head = chain_rows[tile.x];
  let counts = head.yzw;
  let place = vec3<u32>(tile.y % counts.x, tile.y / counts.x % counts.y, tile.y / (counts.x * counts.y));
  switch head.x {
    ${bodies.map((_, index) => `case ${index}u: { link_${index}(tile.x + 1u, place, counts, thread); }`).join("\n    ")}
    default: {}
  }
}
`,
  };
}

/** A link's code with its bindings in the chain's variables and arena, before its names are made different from others'. */
function bodyOf({ shader, places }: Link, variableName: (index: number) => string): Body {
  const words: string[] = [];
  const declarations: string[] = [];
  const word = (name: string) => {
    words.push(name);
    declarations.push(`var<private> ${name}: u32;`);
    return name;
  };
  const indexed = new Map<string, (index: string) => string>();
  for (const [i, { name, type, access, exchanged }] of shader.bindings.entries()) {
    const place = places[i] as Place;
    const isInArena = place.kind === "plain" || place.word !== undefined;
    const base = isInArena ? word(`base_of_${name}`) : "";
    if (!exchanged) {
      const variable = variableName((place as PlainPlace).variable);
      indexed.set(name, (index) => `${variable}[${base} + (${index})]`);
      continue;
    }
    if (access === "read_write") {
      const keep = place.kind === "arena" ? place.keep : undefined;
      const keepAt = keep && word(`keep_of_${name}`);
      declarations.push(`fn ${name}_put(i: u32, value: ${type}) {
  let bits = bitcast<u32>(value);
  ${
    isInArena
      ? `atomicStore(&chain_arena[chain_here + ${base} + i], select(bits, 0x7fc00000u, is_absent(bits)));
  atomicStore(&chain_arena[chain_other + ${base} + i], ${ABSENT}u);`
      : ""
  }
  ${keep ? `${variableName(keep.variable)}[${keepAt} + i] = bits;` : ""}
}`);
      continue;
    }
    declarations.push(
      place.kind === "arena"
        ? `fn ${name}_bits(i: u32) -> u32 { return atomicLoad(&chain_arena[chain_here + ${base} + i]); }`
        : `fn ${name}_bits(i: u32) -> u32 {
  let bits = ${variableName(place.variable)}[${base} + i];
  return select(bits, 0x7fc00000u, is_absent(bits));
}`,
      `fn ${name}_at(i: u32) -> ${type} {
  var bits = ${name}_bits(i);
  for (var tries = 0u; is_absent(bits) && !gives_up(tries); tries++) { bits = ${name}_bits(i); }
  return bitcast<${type}>(bits);
}`,
    );
  }
  const write = (name: string, index: string) => indexed.get(name)?.(index);
  declarations.push(reindexed(shader.code, write));
  return { words, declarations: declarations.join("\n"), main: reindexed(shader.main, write) };
}

/** The function of links with this body, its names unlike those of all others. */
function functionOf({ declarations, main, words }: Body, index: number, memory: WorkgroupMemory): string {
  const { rest, names } = memory.share(declarations);
  const own = declaredNames(rest);
  const rename = (name: string) => names.get(name) ?? (own.has(name) ? `${name}_${index}` : undefined);
  return `${renamed(rest, rename)}
fn link_${index}(chain_row: u32, workgroup_id: vec3<u32>, num_workgroups: vec3<u32>, thread: u32) {
  ${words.map((name, i) => `${name}_${index} = chain_rows[chain_row + ${i >> 2}u][${i % 4}];`).join("\n  ")}
  ${renamed(main, rename)}
}`;
}

/** What a link's private variables are, in the order of its body's words. */
function rowWords({ places }: Link): number[] {
  return places.flatMap((place) => {
    if (place.kind === "plain") return [place.element];
    return [...(place.word === undefined ? [] : [place.word]), ...(place.keep ? [place.keep.element] : [])];
  });
}
