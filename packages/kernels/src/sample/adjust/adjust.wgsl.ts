/**
 * Workgroups of 64 threads over all ids of all rows: each reads and writes its own.
 */
import type { Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../../dispatch.ts";
import { setting, settingWord } from "../logit.wgsl.ts";
import { COUNT_MASK, ENDS_TEXT, IMPOSSIBLE } from "../marks.ts";
import type { SampleAdjustOperands } from "./adjust.ts";

const LANES = 64;

export function sampleAdjustShader({ logits, settings, steps, marks, bias }: SampleAdjustOperands): Shader {
  const vocab = logits.shape[1] as number;
  const workgroups = Math.ceil(vocab / LANES);
  return {
    bindings: [
      { name: "logits", tensor: logits, access: "read_write", type: "array<u32>" },
      { name: "settings", tensor: settings, access: "read", type: "array<u32>" },
      { name: "steps", tensor: steps, access: "read", type: "array<u32>" },
      { name: "marks", tensor: marks, access: "read", type: "array<u32>" },
      { name: "bias", tensor: bias, access: "read", type: "array<f32>" },
    ],
    code: `const IMPOSSIBLE = f32(${IMPOSSIBLE.toExponential()});`,
    workgroupSize: LANES,
    main: `let row = ${WORKGROUP_INDEX} / ${workgroups}u;
  let id = ${WORKGROUP_INDEX} % ${workgroups}u * ${LANES}u + thread;
  if (row >= run.tokens || id >= ${vocab}u) { return; }
  let at = row * ${vocab}u + id;
  let bits = logits[at];
  if ((bits & 0x7fffffffu) > 0x7f800000u) { return; } // NaN
  let mark = marks[at];
  let count = mark & ${COUNT_MASK}u;
  var value = bitcast<f32>(bits);
  var isPossible = (mark & ${ENDS_TEXT >>> 0}u) == 0u || steps[row] >= ${settingWord("minTokens")};
  if (${settingWord("hasBias")} == 1u) {
    value += bias[at];
    isPossible = isPossible && bias[at] > IMPOSSIBLE;
  }
  if ((mark & ${~ENDS_TEXT >>> 0}u) != 0u) {
    value *= select(${setting("penalty")}, ${setting("inversePenalty")}, value > 0.0);
  }
  if (count > 0u) {
    value -= ${setting("frequencyPenalty")} * f32(count) + ${setting("presencePenalty")};
  }
  value = select(IMPOSSIBLE, max(value, IMPOSSIBLE), isPossible);
  logits[at] = bitcast<u32>(value);`,
    workgroups: (tokens) => spread(tokens * workgroups),
  };
}
