/**
 * One workgroup per slice of a row. A lane takes two neighbouring ids, which share a block of random words; then all lanes
 * find the best in a tree.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { keptBindings, keptCode } from "../kept.wgsl.ts";
import { NAN_KEY } from "../key.ts";
import { logitBindings, logitCode, setting, settingWord } from "../logit.wgsl.ts";
import { NOISE } from "../noise.wgsl.ts";
import { SLICE } from "./slice-count.ts";
import type { SampleSlicesOperands, SampleSlicesParams } from "./slices.ts";

export function sampleSlicesShader(
  operands: SampleSlicesOperands,
  { noise }: SampleSlicesParams,
  { software }: AdapterTraits,
): Shader {
  const { keys, ids, logits, steps, cut, typical } = operands;
  const isAll = !cut && !typical;
  const [vocab, slices] = [logits.shape[1] as number, keys.shape[1] as number];
  // An emulated GPU runs lanes one after another. On a real one, more pairs to a lane and a smaller tree were slower.
  const lanes = software ? 1 : SLICE / 2;
  return {
    bindings: [
      { name: "keys", tensor: keys, access: "read_write", type: "array<u32>" },
      { name: "ids", tensor: ids, access: "read_write", type: "array<u32>" },
      { name: "steps", tensor: steps, access: "read", type: "array<u32>" },
      ...logitBindings(operands),
      ...keptBindings(operands),
    ],
    code: `${logitCode(operands)}
${noise ? NOISE : ""}
${isAll ? "" : keptCode(operands)}

struct Best { key: u32, id: u32 }

var<workgroup> partial: array<Best, ${lanes}>;

fn better(a: Best, b: Best) -> Best {
  if (b.key > a.key || (b.key == a.key && b.id < a.id)) { return b; }
  return a;
}

// The better of two neighbouring ids, of those before the end of the slice.
fn bestOf(row: u32, first: u32, end: u32) -> Best {
  var best = Best(0u, first);
  ${noise ? `let words = philox(first / 2u, steps[row], ${settingWord("seed")});` : ""}
  for (var i = 0u; i < 2u && first + i < end; i++) {
    let id = first + i;
    let bits = bitsOf(row, id);
    if (!isNumber(bits)) { return better(best, Best(${NAN_KEY}u, id)); }
    let value = bitcast<f32>(bits);
    ${isAll ? "" : "if (!isKept(row, value, id)) { continue; }"}
    ${noise ? `let score = value * ${setting("inverseTemperature")} + ${setting("noiseScale")} * gumbel(words[i]);` : "let score = value;"}
    best = better(best, Best(keyOf(score), id));
  }
  return best;
}`,
    workgroupSize: lanes,
    main: `let row = ${WORKGROUP_INDEX} / ${slices}u;
  let slice = ${WORKGROUP_INDEX} % ${slices}u;
  if (row >= run.tokens) { return; }
  var best = Best(0u, slice * ${SLICE}u);
  let end = min((slice + 1u) * ${SLICE}u, ${vocab}u);
  for (var first = slice * ${SLICE}u + thread * 2u; first < end; first += ${lanes * 2}u) {
    best = better(best, bestOf(row, first, end));
  }
  partial[thread] = best;
  for (var half = ${Math.floor(lanes / 2)}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { partial[thread] = better(partial[thread], partial[thread + half]); }
  }
  if (thread == 0u) {
    keys[row * ${slices}u + slice] = partial[0].key;
    ids[row * ${slices}u + slice] = partial[0].id;
  }`,
    workgroups: (tokens) => spread(tokens * slices),
  };
}
