/**
 * One workgroup per row, which goes through the logits several times instead of sorting them: it puts them into bins, finds
 * the bin that the cut is in, and goes on with that one until nothing is left to tell apart.
 *
 * The first bins are of equal width in the logit, as logits are spread over these; in bits they crowd, and lanes would wait
 * for each other at a few bins. The ids in the one bin are then listed, if they are not too many. The next bins are of their
 * keys, and last, among equal logits, of ids.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { BINS, binsCode } from "../bins.wgsl.ts";
import { logitBindings, logitCode, setting, settingWord } from "../logit.wgsl.ts";
import type { SampleCutOperands } from "./cut.ts";
import { CUT, CUT_WIDTH } from "./cut-words.ts";

/** Logits that a lane asks for before it looks at the first: one workgroup alone has little else to hide latency with. */
const AHEAD = 4;

/** Ids in the bin with the cut that are remembered, so that no more need be looked at; usually there are a few dozen. */
const LISTED = 1024;

/** What is done with each id, in the words of the shader below. */
const INTO_BINS =
  "if (isUpTo(before, keyOf(value), id)) { put(firstBin(value, scale), amountOf(row, value, scale.largest, isMass)); }";
const ONTO_LIST = `let key = keyOf(value);
      if (firstBin(value, scale) == first.bin && isUpTo(before, key, id)) {
        lowest = min(lowest, key);
        highest = max(highest, key);
        let place = atomicAdd(&listed, 1u);
        if (place < ${LISTED}u) { list[place] = vec2<u32>(key, id); }
      }`;
const KEYS_INTO_BINS = `if (key >= search.lowKey && key <= search.highKey) {
        put((search.highKey - key) >> shift, amountOf(row, floatOf(key), scale.largest, isMass));
      }`;
const IDS_INTO_BINS = `if (key == lastKey && id >= search.lowId && id <= search.highId) {
        put((id - search.lowId) >> shift, amount);
      }`;

export function sampleCutShader(
  operands: SampleCutOperands,
  _: unknown,
  { software, maxWorkgroupSize }: AdapterTraits,
): Shader {
  const vocab = operands.logits.shape[1] as number;
  // An emulated GPU runs lanes one after another.
  const lanes = software ? 1 : Math.min(maxWorkgroupSize, 1024);
  const ahead = software ? 1 : AHEAD;

  // WGSL that goes through all ids of the row, with their `id` and `value`.
  const eachId = (body: string) => {
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
  };
  // The same for those in the bin of the search, with their `id` and `key`.
  const eachInBin = (body: string) => `if (search.isListed) {
    for (var i = thread; i < search.count; i += ${lanes}u) {
      let key = list[i].x;
      let id = list[i].y;
      ${body}
    }
  } else {
    for (var id = thread; id < ${vocab}u; id += ${lanes}u) {
      let value = logit(row, id);
      let key = keyOf(value);
      if (isUpTo(before, key, id) && firstBin(value, scale) == search.bin) { ${body} }
    }
  }`;
  return {
    bindings: [
      { name: "cuts", tensor: operands.cut, access: "read_write", type: "array<u32>" },
      ...logitBindings(operands),
    ],
    code: `${logitCode(operands)}
${binsCode(vocab, lanes)}

// What is being looked for: among which ids, and how much of them is needed.
struct Search {
  // The ids are those of this first bin, with a key in [lowKey, highKey] and an id in [lowId, highId].
  bin: u32,
  // How many there are in the bin, and whether all of them are listed.
  count: u32,
  isListed: bool,
  lowKey: u32,
  highKey: u32,
  lowId: u32,
  highId: u32,
  needed: Wide,
  // How much there is.
  total: Wide,
}

// The row's largest logit, and bins per unit of logit.
struct Scale { largest: f32, bins: f32 }

// The last id that is left.
struct Last { key: u32, id: u32 }

// Key and id of those in the bin with the cut, and how many they are.
var<workgroup> list: array<vec2<u32>, ${LISTED}>;
var<workgroup> listed: atomic<u32>;
var<workgroup> listedCount: u32;

fn floatOf(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

fn firstBin(value: f32, scale: Scale) -> u32 {
  if (value == scale.largest) { return 0u; }
  return min(u32(clamp((scale.largest - value) * scale.bins, 0.0, ${BINS - 1}.0)), ${BINS - 1}u); // NaN has some bin
}

// How much an id counts: 1 for top-k, for top-p its mass.
fn amountOf(row: u32, value: f32, largest: f32, isMass: bool) -> u32 {
  if (!isMass) { return 1u; }
  return massOf(value, largest, ${setting("inverseTemperature")});
}

// Whether an id is among those up to the last.
fn isUpTo(last: Last, key: u32, id: u32) -> bool {
  return key > last.key || (key == last.key && id <= last.id);
}

// The last id that is left of those up to one.
fn cut(row: u32, scale: Scale, before: Last, isMass: bool, thread: u32) -> Last {
  clearBins(thread);
  ${eachId(INTO_BINS)}
  let first = find(Wide(${settingWord("topK")}, 0u), ${settingWord("topP")}, isMass, thread);

  clearExtremes(thread);
  if (thread == 0u) { atomicStore(&listed, 0u); }
  workgroupBarrier();
  var lowest = 0xffffffffu;
  var highest = 0u;
  ${eachId(ONTO_LIST)}
  let range = findExtremes(lowest, highest, thread);
  if (thread == 0u) { listedCount = atomicLoad(&listed); }
  let count = workgroupUniformLoad(&listedCount);
  var search = Search(
    first.bin, count, count <= ${LISTED}u, range.x, range.y, 0u, ${vocab - 1}u, first.needed, first.total,
  );

  while (search.lowKey < search.highKey) {
    let shift = shiftFor(search.highKey - search.lowKey);
    clearBins(thread);
    ${eachInBin(KEYS_INTO_BINS)}
    let part = find(search.needed, 0u, false, thread);
    search.highKey -= part.bin << shift;
    search.lowKey = max(search.lowKey, search.highKey - min(search.highKey, (1u << shift) - 1u));
    search.needed = part.needed;
    search.total = part.total;
  }

  let lastKey = search.highKey;
  let highestId = select(${vocab - 1}u, before.id, lastKey == before.key);
  let amount = amountOf(row, floatOf(lastKey), scale.largest, isMass);
  // Where all of this logit are left, it does not matter which is the last.
  if (isLess(subtract(search.total, Wide(amount, 0u)), search.needed)) { return Last(lastKey, highestId); }
  search.highId = highestId;
  while (search.lowId < search.highId) {
    let shift = shiftFor(search.highId - search.lowId);
    clearBins(thread);
    ${eachInBin(IDS_INTO_BINS)}
    let part = find(search.needed, 0u, false, thread);
    search.lowId += part.bin << shift;
    search.highId = min(search.highId, search.lowId + (1u << shift) - 1u);
    search.needed = part.needed;
  }
  return Last(lastKey, search.highId);
}`,
    workgroupSize: lanes,
    main: `let row = ${WORKGROUP_INDEX};
  if (row >= run.tokens) { return; }
  clearExtremes(thread);
  var lowest = 0xffffffffu;
  var highest = 0u;
  ${eachId("lowest = min(lowest, keyOf(value)); highest = max(highest, keyOf(value));")}
  let range = findExtremes(lowest, highest, thread);

  // Ids that cannot be drawn have a logit of −∞, which must not make all others fall into one bin.
  let largest = floatOf(range.y);
  let span = min(largest - floatOf(range.x), 1000.0);
  var scale = Scale(largest, 0.0);
  if (span > 1e-30) { scale.bins = ${BINS}.0 / span; }

  var last = Last(0u, ${vocab - 1}u);
  // First top-k, then top-p: in a loop, so that the function has one place where compilers put it.
  for (var turn = 0u; turn < 2u; turn++) {
    let isMass = turn == 1u;
    if (select(${settingWord("topK")} < ${vocab}u, ${settingWord("topP")} < 0xffffffffu, isMass)) {
      last = cut(row, scale, last, isMass, thread);
    }
  }
  if (thread == 0u) {
    cuts[row * ${CUT_WIDTH}u + ${CUT.key}u] = last.key;
    cuts[row * ${CUT_WIDTH}u + ${CUT.id}u] = last.id;
    cuts[row * ${CUT_WIDTH}u + ${CUT.largest}u] = bitcast<u32>(largest);
  }`,
    workgroups: (tokens) => spread(tokens),
  };
}
