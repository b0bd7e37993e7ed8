/**
 * WGSL of one workgroup per row that finds the last of the ids that come first in some order: so many, or so many as have a share of the
 * mass. It goes through the logits several times instead of sorting them: it puts them into bins, finds the bin with the last, and goes on
 * with that one until nothing is left to tell apart.
 *
 * The first bins are of equal width in the logit, as logits are spread over these; in bits they crowd, and lanes would wait
 * for each other at a few bins. The ids in the one bin are then listed, if they are not too many. The next bins are of their
 * ranks, and last, among equal ranks, of ids.
 */
import { BINS, binsCode } from "./bins.wgsl.ts";
import { setting } from "./logit.wgsl.ts";

/** Logits that a lane asks for before it looks at the first: one workgroup alone has little else to hide latency with. */
const AHEAD = 4;

/** Ids in the bin with the last that are remembered, so that no more need be looked at; usually there are a few dozen. */
const LISTED = 1024;

/** An order, and who looks for its last. */
export interface SearchPlan {
  readonly vocab: number;
  /** Threads of the workgroup. */
  readonly lanes: number;
  readonly software: boolean;
  /**
   * WGSL of the rank of a logit `value`, as bits: the lowest comes first, the lower id first among equals. It must not fall where
   * |value − scale.origin| grows.
   */
  readonly rank: string;
  /** WGSL of whether an id, of which there are `row`, `value` and `id`, is in the order at all. Default all are. */
  readonly isLeft?: string | undefined;
  /**
   * WGSL of the logit of a `rank`, where all ids of a rank have the same: then these need not be told apart where all of them are left,
   * and the last is the last that there can be.
   */
  readonly logitOf?: string | undefined;
}

/** WGSL that goes through all ids of the `row` of a thread, with their `id` and `value`. */
export function eachId({ vocab, lanes, software }: SearchPlan, body: string): string {
  const ahead = software ? 1 : AHEAD;
  const turns = Array.from({ length: ahead }, (_, turn) => turn);
  const load = (turn: number) => `let value${turn} = logit(row, min(base + ${turn * lanes}u, ${vocab - 1}u));`;
  const look = (turn: number) => `{
      let id = base + ${turn * lanes}u;
      let value = value${turn};
      if (id < ${vocab}u) { ${body} }
    }`;
  return `for (var base = thread; base < ${vocab}u; base += ${lanes * ahead}u) {
    ${turns.map(load).join("\n    ")}
    ${turns.map(look).join("\n    ")}
  }`;
}

/**
 * - `struct Last { rank: u32, id: u32 }`, the last id that is left;
 * - `struct Scale { largest: f32, origin: f32, bins: f32 }`, made by `fn scaleOf(largest: f32, origin: f32, span: f32) -> Scale`: the
 *   largest logit, the one that ranks first, and how far others are from that;
 * - `fn findLast(row: u32, scale: Scale, before: Last, count: u32, share: u32, isMass: bool, thread: u32) -> Last`: the last of the first
 *   `count` ids, or of the fewest that have `share` of the mass (in parts of 2^32), of those up to one before.
 *
 * Besides what `bins.wgsl.ts` has. Needs the code of `logit.wgsl.ts`. At least one id must be in the order.
 */
export function searchCode(plan: SearchPlan): string {
  const { vocab, lanes, rank, isLeft, logitOf } = plan;
  const isCandidate = `isUpTo(before, rank, id)${isLeft ? ` && ${isLeft}` : ""}`;
  const amount = "amountOf(row, value, scale.largest, isMass)";
  // WGSL that goes through those in the bin of the search, with their `id`, `value` and `rank`.
  const eachInBin = (body: string) => `if (search.isListed) {
      for (var i = thread; i < search.count; i += ${lanes}u) {
        let value = bitcast<f32>(list[i].x);
        let id = list[i].y;
        let rank = rankOf(value, scale);
        ${body}
      }
    } else {
      for (var id = thread; id < ${vocab}u; id += ${lanes}u) {
        let value = logit(row, id);
        let rank = rankOf(value, scale);
        if (${isCandidate} && firstBin(value, scale) == search.bin) { ${body} }
      }
    }`;
  // WGSL that narrows down where the last is, in rank or in id, until there is one.
  const narrow = (what: "rank" | "id", low: string, high: string, isWithin: string) => `while (${low} < ${high}) {
    let shift = shiftFor(${high} - ${low});
    clearBins(thread);
    ${eachInBin(`if (${isWithin}) { put((${what} - ${low}) >> shift, ${amount}); }`)}
    let part = find(search.needed, 0u, false, thread);
    ${low} += part.bin << shift;
    ${high} = ${low} + min(${high} - ${low}, (1u << shift) - 1u);
    search.needed = part.needed;
    search.total = part.total;
  }`;
  return `${binsCode(vocab, lanes)}

// What is being looked for: among which ids, and how much of them is needed.
struct Search {
  // The ids are those of this first bin, with a rank in [lowRank, highRank] and an id in [lowId, highId].
  bin: u32,
  // How many there are in the bin, and whether all of them are listed.
  count: u32,
  isListed: bool,
  lowRank: u32,
  highRank: u32,
  lowId: u32,
  highId: u32,
  needed: Wide,
  // How much there is.
  total: Wide,
}

struct Scale { largest: f32, origin: f32, bins: f32 }

struct Last { rank: u32, id: u32 }

// Logit and id of those in the bin with the last, and how many they are.
var<workgroup> list: array<vec2<u32>, ${LISTED}>;
var<workgroup> listed: atomic<u32>;
var<workgroup> listedCount: u32;

fn scaleOf(largest: f32, origin: f32, span: f32) -> Scale {
  // Ids that cannot be drawn lie far off, which must not make all others fall into one bin.
  return Scale(largest, origin, select(0.0, ${BINS}.0 / min(span, 1000.0), span > 1e-30));
}

fn firstBin(value: f32, scale: Scale) -> u32 {
  if (value == scale.origin) { return 0u; }
  return min(u32(clamp(abs(scale.origin - value) * scale.bins, 0.0, ${BINS - 1}.0)), ${BINS - 1}u); // NaN has some bin
}

fn rankOf(value: f32, scale: Scale) -> u32 { return ${rank}; }

// How much an id counts: 1 among so many, else its mass.
fn amountOf(row: u32, value: f32, largest: f32, isMass: bool) -> u32 {
  if (!isMass) { return 1u; }
  return massOf(value, largest, ${setting("inverseTemperature")});
}

// Whether an id is among those up to the last.
fn isUpTo(last: Last, rank: u32, id: u32) -> bool {
  return rank < last.rank || (rank == last.rank && id <= last.id);
}

fn findLast(row: u32, scale: Scale, before: Last, count: u32, share: u32, isMass: bool, thread: u32) -> Last {
  clearBins(thread);
  ${eachId(plan, `let rank = rankOf(value, scale);\n      if (${isCandidate}) { put(firstBin(value, scale), ${amount}); }`)}
  let first = find(Wide(count, 0u), share, isMass, thread);

  clearExtremes(thread);
  if (thread == 0u) { atomicStore(&listed, 0u); }
  workgroupBarrier();
  var lowest = 0xffffffffu;
  var highest = 0u;
  ${eachId(
    plan,
    `let rank = rankOf(value, scale);
      if (firstBin(value, scale) == first.bin && ${isCandidate}) {
        lowest = min(lowest, rank);
        highest = max(highest, rank);
        let place = atomicAdd(&listed, 1u);
        if (place < ${LISTED}u) { list[place] = vec2<u32>(bitcast<u32>(value), id); }
      }`,
  )}
  let range = findExtremes(lowest, highest, thread);
  if (thread == 0u) { listedCount = atomicLoad(&listed); }
  let inBin = workgroupUniformLoad(&listedCount);
  var search = Search(
    first.bin, inBin, inBin <= ${LISTED}u, range.x, range.y, 0u, ${vocab - 1}u, first.needed, first.total,
  );

  ${narrow("rank", "search.lowRank", "search.highRank", "rank >= search.lowRank && rank <= search.highRank")}

  let lastRank = search.lowRank;
  let highestId = select(${vocab - 1}u, before.id, lastRank == before.rank);
  ${
    logitOf
      ? `let amount = amountOf(row, logitOf(lastRank), scale.largest, isMass);
  if (isLess(subtract(search.total, Wide(amount, 0u)), search.needed)) { return Last(lastRank, highestId); }`
      : ""
  }
  search.highId = highestId;
  ${narrow("id", "search.lowId", "search.highId", "rank == lastRank && id >= search.lowId && id <= search.highId")}
  return Last(lastRank, search.lowId);
}
${logitOf ? `\nfn logitOf(rank: u32) -> f32 { return ${logitOf}; }` : ""}`;
}
