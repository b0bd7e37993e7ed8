/**
 * One workgroup per row finds what is to be expected, and then the last that deviates from it too little to be left out: see
 * `search.wgsl.ts`.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { laneSum } from "../../wgsl/lane-sum.ts";
import { DEVIATION, keptBindings, keptCode } from "../kept.wgsl.ts";
import { logitBindings, logitCode, setting, settingWord } from "../logit.wgsl.ts";
import { eachId, type SearchPlan, searchCode } from "../search.wgsl.ts";
import type { SampleTypicalOperands } from "./typical.ts";
import { ANY_DEVIATION, TYPICAL, TYPICAL_WIDTH } from "./typical-words.ts";

/** Workgroup memory that 1024 lanes may take, for their sums beside the search. */
const MANY_LANES_BYTE_LENGTH = 32768;

export function sampleTypicalShader(operands: SampleTypicalOperands, _: unknown, traits: AdapterTraits): Shader {
  const { typical, logits, cut } = operands;
  const { software, maxWorkgroupSize, maxWorkgroupByteLength } = traits;
  const vocab = logits.shape[1] as number;
  const most = maxWorkgroupByteLength < MANY_LANES_BYTE_LENGTH ? 256 : 1024;
  // An emulated GPU runs lanes one after another.
  const lanes = software ? 1 : Math.min(maxWorkgroupSize, most);
  const sum = laneSum(traits, { lanes, workgroupSize: lanes, type: "vec2<f32>" });
  const plan: SearchPlan = {
    ...{ vocab, lanes, software },
    rank: "deviationOf(value, scale.origin)",
    isLeft: "isLeft(row, value, id)",
  };
  return {
    enables: sum.enables,
    bindings: [
      { name: "typicals", tensor: typical, access: "read_write", type: "array<u32>" },
      ...logitBindings(operands),
      ...keptBindings({ cut }),
    ],
    code: `${logitCode(operands)}
${keptCode({ cut })}
${DEVIATION}
${sum.code}
${searchCode(plan)}

fn isLeft(row: u32, value: f32, id: u32) -> bool {
  return isNumber(bitcast<u32>(value)) && isKept(row, value, id);
}`,
    workgroupSize: lanes,
    main: `let row = ${WORKGROUP_INDEX};
  if (row >= run.tokens) { return; }
  let share = ${settingWord("typicalP")};
  var center = 0.0;
  var last = Last(${ANY_DEVIATION}u, ${vocab - 1}u);
  if (share < 0xffffffffu) {
    clearExtremes(thread);
    var lowest = 0xffffffffu;
    var highest = 0u;
    ${eachId(
      plan,
      `if (isLeft(row, value, id)) { lowest = min(lowest, keyOf(value)); highest = max(highest, keyOf(value)); }`,
    )}
    let range = findExtremes(lowest, highest, thread);
    let largest = valueOf(range.y);

    var sums = vec2<f32>(0.0, 0.0);
    ${eachId(
      plan,
      `let below = value - largest;
      let weight = exp(below * ${setting("inverseTemperature")});
      // What has no weight may lie infinitely far below.
      if (weight > 0.0 && below < 0.0 && isLeft(row, value, id)) { sums += vec2<f32>(weight, weight * below); }
      if (value == largest && isLeft(row, value, id)) { sums.x += 1.0; }`,
    )}
    sums = lane_sum(sums, thread);
    center = largest + sums.y / sums.x;
    let span = max(largest - center, center - valueOf(range.x));
    last = findLast(row, scaleOf(largest, center, span), last, 0u, share, true, thread);
  }
  if (thread == 0u) {
    typicals[row * ${TYPICAL_WIDTH}u + ${TYPICAL.center}u] = bitcast<u32>(center);
    typicals[row * ${TYPICAL_WIDTH}u + ${TYPICAL.deviation}u] = last.rank;
    typicals[row * ${TYPICAL_WIDTH}u + ${TYPICAL.id}u] = last.id;
  }`,
    workgroups: (tokens) => spread(tokens),
  };
}
