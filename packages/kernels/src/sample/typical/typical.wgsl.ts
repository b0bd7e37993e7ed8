/**
 * One workgroup per row goes through the logits several times: for the largest, for the mean of the scaled logits, for the deviations, and
 * then to find the last deviation that is left by bins, as the cut does. Deviations are kept as their bits, which have the same order:
 * computed once, they cannot come out otherwise the next time.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { IMPOSSIBLE } from "../adjust/adjust.ts";
import { binsCode } from "../bins.wgsl.ts";
import { KEPT, keptBinding } from "../cut/kept.wgsl.ts";
import { logitBindings, logitCode, setting, settingWord } from "../logit.wgsl.ts";
import type { SampleTypicalOperands } from "./typical.ts";

export function sampleTypicalShader(
  operands: SampleTypicalOperands,
  _: unknown,
  { software, maxWorkgroupSize }: AdapterTraits,
): Shader {
  const { logits, deviations, cut } = operands;
  const vocab = logits.shape[1] as number;
  // An emulated GPU runs lanes one after another.
  const lanes = software ? 1 : Math.min(maxWorkgroupSize, 512);
  const eachId = (body: string) => `for (var id = thread; id < ${vocab}u; id += ${lanes}u) { ${body} }`;
  const eachLeft = (body: string) =>
    eachId(`let value = logit(row, id);
    if (isLeft(row, value, id)) { ${body} }`);
  return {
    bindings: [
      { name: "deviations", tensor: deviations, access: "read_write", type: "array<u32>" },
      ...logitBindings(operands).map((binding) =>
        binding.name === "logits" ? { ...binding, access: "read_write" as const } : binding,
      ),
      ...(cut ? [keptBinding(cut)] : []),
    ],
    code: `${logitCode(operands)}
${cut ? KEPT : ""}
${binsCode(vocab, lanes)}

var<workgroup> sums: array<vec2<f32>, ${lanes}>;
var<workgroup> mean: f32;

fn isLeft(row: u32, value: f32, id: u32) -> bool {
  if (!isNumber(bitcast<u32>(value))) { return false; }
  return ${cut ? "isKept(row, value, id)" : "true"};
}

fn floatOf(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & 0x7fffffffu, key >= 0x80000000u));
}

fn scaled(row: u32, value: f32, largest: f32) -> f32 {
  if (value == largest) { return 0.0; }
  return (value - largest) * ${setting("inverseTemperature")};
}`,
    workgroupSize: lanes,
    main: `let row = ${WORKGROUP_INDEX};
  if (row >= run.tokens) { return; }
  let share = ${settingWord("typicalP")};
  if (share == 0xffffffffu) { return; }
  clearExtremes(thread);
  var lowest = 0xffffffffu;
  var highest = 0u;
  ${eachLeft("highest = max(highest, keyOf(value));")}
  let largest = floatOf(findExtremes(lowest, highest, thread).y);

  var sum = vec2<f32>(0.0, 0.0);
  ${eachLeft(`let own = scaled(row, value, largest);
      let weight = exp(own);
      // What has no weight may lie infinitely far below.
      if (weight > 0.0) { sum += vec2<f32>(weight, weight * own); }`)}
  sums[thread] = sum;
  for (var half = ${Math.floor(lanes / 2)}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { sums[thread] += sums[thread + half]; }
  }
  workgroupBarrier();
  if (thread == 0u) { mean = sums[0].y / sums[0].x; }
  let center = workgroupUniformLoad(&mean);

  clearExtremes(thread);
  lowest = 0xffffffffu;
  highest = 0u;
  ${eachId(`let value = logit(row, id);
    var deviation = 0xffffffffu;
    if (isLeft(row, value, id)) {
      deviation = bitcast<u32>(abs(scaled(row, value, largest) - center));
      lowest = min(lowest, deviation);
      highest = max(highest, deviation);
    }
    deviations[row * ${vocab}u + id] = deviation;`)}
  let range = findExtremes(lowest, highest, thread);

  // The last deviation that is left is in [low, high].
  var low = range.x;
  var high = range.y;
  var needed = Wide(0u, 0u);
  var isFirst = true;
  while (low < high) {
    let shift = shiftFor(high - low);
    clearBins(thread);
    ${eachId(`let deviation = deviations[row * ${vocab}u + id];
      if (deviation >= low && deviation <= high) {
        put((deviation - low) >> shift, massOf(logit(row, id), largest, ${setting("inverseTemperature")}));
      }`)}
    let part = find(needed, share, isFirst, thread);
    isFirst = false;
    low += part.bin << shift;
    high = min(high, low + (1u << shift) - 1u);
    needed = part.needed;
  }
  ${eachId(`let deviation = deviations[row * ${vocab}u + id];
    if (deviation > high && deviation != 0xffffffffu) { logits[row * ${vocab}u + id] = bitcast<u32>(f32(${IMPOSSIBLE})); }`)}`,
    workgroups: (tokens) => spread(tokens),
  };
}
