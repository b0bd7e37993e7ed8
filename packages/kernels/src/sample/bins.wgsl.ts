/**
 * WGSL of one workgroup that looks for a place in an order without sorting: numbers are put into bins, the bin with the place in it is
 * found, and the next bins are of what is in that one. Amounts are added up in whole numbers of 64 bits, so that sums have no order.
 */
import { massHalfBits, massUnit } from "./cut/cut-words.ts";
import { MULTIPLY_HIGH } from "./noise.wgsl.ts";

/** Bins are added up in groups of 16 by as many lanes, and the groups by one. */
const BIN_BITS = 9;
export const BINS = 2 ** BIN_BITS;
const GROUP = 16;
const GROUPS = BINS / GROUP;

/**
 * - `fn clearBins(thread: u32)`; `fn put(bin: u32, amount: u32)`;
 * - `fn find(fixed: Wide, share: u32, isShare: bool, thread: u32) -> Found`;
 * - `fn shiftFor(span: u32) -> u32`;
 * - `fn clearExtremes(thread: u32)`; `fn findExtremes(lowest: u32, highest: u32, thread: u32) -> vec2<u32>`;
 * - `fn massOf(value: f32, largest: f32, inverseTemperature: f32) -> u32`.
 *
 * @param vocab - how many amounts there are at most
 * @param lanes - threads of the workgroup, all of which call what takes `thread`
 */
export function binsCode(vocab: number, lanes: number): string {
  const half = massHalfBits(vocab);
  return `${MULTIPLY_HIGH}

// A whole number of 64 bits.
struct Wide { low: u32, high: u32 }

fn add(a: Wide, b: Wide) -> Wide {
  let low = a.low + b.low;
  return Wide(low, a.high + b.high + select(0u, 1u, low < a.low));
}

fn subtract(a: Wide, b: Wide) -> Wide {
  return Wide(a.low - b.low, a.high - b.high - select(0u, 1u, a.low < b.low));
}

fn isLess(a: Wide, b: Wide) -> bool {
  return a.high < b.high || (a.high == b.high && a.low < b.low);
}

// floor(a · share / 2^32), at least 1
fn partOf(a: Wide, share: u32) -> Wide {
  let part = add(Wide(multiplyHigh(a.low, share), 0u), Wide(a.high * share, multiplyHigh(a.high, share)));
  return Wide(select(part.low, 1u, part.low == 0u && part.high == 0u), part.high);
}

// A bin with the place that is looked for, how much is needed of it and how much it holds.
struct Found { bin: u32, needed: Wide, total: Wide }

// Sums of the lower and the upper half of what the bins hold.
var<workgroup> lowHalves: array<atomic<u32>, ${BINS}>;
var<workgroup> highHalves: array<atomic<u32>, ${BINS}>;
var<workgroup> groups: array<Wide, ${GROUPS}>;
var<workgroup> found: Found;
var<workgroup> least: atomic<u32>;
var<workgroup> most: atomic<u32>;
var<workgroup> extremes: vec2<u32>;

fn clearBins(thread: u32) {
  workgroupBarrier(); // the bins before have been read by all
  for (var bin = thread; bin < ${BINS}u; bin += ${lanes}u) {
    atomicStore(&lowHalves[bin], 0u);
    atomicStore(&highHalves[bin], 0u);
  }
  workgroupBarrier();
}

fn put(bin: u32, amount: u32) {
  atomicAdd(&lowHalves[bin], amount & ${2 ** half - 1}u);
  if (amount > ${2 ** half - 1}u) { atomicAdd(&highHalves[bin], amount >> ${half}u); }
}

fn binTotal(bin: u32) -> Wide {
  let high = atomicLoad(&highHalves[bin]);
  return add(Wide(atomicLoad(&lowHalves[bin]), 0u), Wide(high << ${half}u, high >> ${32 - half}u));
}

// Finds the first bin that with those before it reaches what is needed: so much, or such a share of all.
fn find(fixed: Wide, share: u32, isShare: bool, thread: u32) -> Found {
  workgroupBarrier();
  for (var group = thread; group < ${GROUPS}u; group += ${lanes}u) {
    var sum = Wide(0u, 0u);
    for (var i = 0u; i < ${GROUP}u; i++) { sum = add(sum, binTotal(group * ${GROUP}u + i)); }
    groups[group] = sum;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var needed = fixed;
    if (isShare) {
      var sum = Wide(0u, 0u);
      for (var group = 0u; group < ${GROUPS}u; group++) { sum = add(sum, groups[group]); }
      needed = partOf(sum, share);
    }
    var group = 0u;
    for (; group < ${GROUPS - 1}u && isLess(groups[group], needed); group++) { needed = subtract(needed, groups[group]); }
    var bin = group * ${GROUP}u;
    let end = bin + ${GROUP - 1}u;
    for (; bin < end && isLess(binTotal(bin), needed); bin++) { needed = subtract(needed, binTotal(bin)); }
    found = Found(bin, needed, binTotal(bin));
  }
  return workgroupUniformLoad(&found);
}

// The least shift that puts this many numbers into the bins.
fn shiftFor(span: u32) -> u32 {
  return u32(max(0, ${32 - BIN_BITS} - i32(countLeadingZeros(span))));
}

fn clearExtremes(thread: u32) {
  if (thread == 0u) {
    atomicStore(&least, 0xffffffffu);
    atomicStore(&most, 0u);
  }
  workgroupBarrier();
}

// The least and the largest of the keys that lanes have seen.
fn findExtremes(lowest: u32, highest: u32, thread: u32) -> vec2<u32> {
  atomicMin(&least, lowest);
  atomicMax(&most, highest);
  workgroupBarrier();
  if (thread == 0u) { extremes = vec2<u32>(atomicLoad(&least), atomicLoad(&most)); }
  return workgroupUniformLoad(&extremes);
}

// An id's probability in parts of that of the likeliest.
fn massOf(value: f32, largest: f32, inverseTemperature: f32) -> u32 {
  if (value == largest) { return ${massUnit(vocab)}u; }
  return u32(exp((value - largest) * inverseTemperature) * ${massUnit(vocab)}.0);
}`;
}
