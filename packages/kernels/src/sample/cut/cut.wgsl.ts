/**
 * One workgroup per row looks for the last that top-k leaves, and then for the last that top-p leaves of these: see `search.wgsl.ts`.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { logitBindings, logitCode, settingWord } from "../logit.wgsl.ts";
import { eachId, type SearchPlan, searchCode } from "../search.wgsl.ts";
import type { SampleCutOperands } from "./cut.ts";
import { CUT, CUT_WIDTH } from "./cut-words.ts";

export function sampleCutShader(
  operands: SampleCutOperands,
  _: unknown,
  { software, maxWorkgroupSize }: AdapterTraits,
): Shader {
  const vocab = operands.logits.shape[1] as number;
  // An emulated GPU runs lanes one after another.
  const lanes = software ? 1 : Math.min(maxWorkgroupSize, 1024);
  const plan: SearchPlan = { vocab, lanes, software, rank: "~keyOf(value)", logitOf: "valueOf(~rank)" };
  return {
    bindings: [
      { name: "cuts", tensor: operands.cut, access: "read_write", type: "array<u32>" },
      ...logitBindings(operands),
    ],
    code: `${logitCode(operands)}
${searchCode(plan)}`,
    workgroupSize: lanes,
    main: `let row = ${WORKGROUP_INDEX};
  if (row >= run.tokens) { return; }
  clearExtremes(thread);
  var lowest = 0xffffffffu;
  var highest = 0u;
  ${eachId(plan, "lowest = min(lowest, keyOf(value)); highest = max(highest, keyOf(value));")}
  let range = findExtremes(lowest, highest, thread);
  let largest = valueOf(range.y);
  let scale = scaleOf(largest, largest, largest - valueOf(range.x));

  var last = Last(0xffffffffu, ${vocab - 1}u);
  // First top-k, then top-p: in a loop, so that the function has one place where compilers put it.
  for (var turn = 0u; turn < 2u; turn++) {
    let isMass = turn == 1u;
    let count = ${settingWord("topK")};
    let share = ${settingWord("topP")};
    if (select(count < ${vocab}u, share < 0xffffffffu, isMass)) {
      last = findLast(row, scale, last, count, share, isMass, thread);
    }
  }
  if (thread == 0u) {
    cuts[row * ${CUT_WIDTH}u + ${CUT.key}u] = ~last.rank;
    cuts[row * ${CUT_WIDTH}u + ${CUT.id}u] = last.id;
    cuts[row * ${CUT_WIDTH}u + ${CUT.largest}u] = bitcast<u32>(largest);
  }`,
    workgroups: (tokens) => spread(tokens),
  };
}
