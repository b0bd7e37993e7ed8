/**
 * One workgroup per token: its lanes add up their parts, twice, as the variance needs the mean first. A row that is not too
 * long stays in their registers from the first sum to the last.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { spread, WORKGROUP_INDEX } from "../dispatch.ts";
import { awaitVectors, exchangedInput, exchangedOutput } from "../wgsl/exchanged.ts";
import { laneSum } from "../wgsl/lane-sum.ts";
import type { NormOperands, NormParams } from "./norm.ts";

/** Elements that a lane keeps in registers. */
const MAX_KEPT = 16;

export function normShader(
  { out, x, weight, bias }: NormOperands,
  { kind, epsilon, lastOnly }: NormParams,
  traits: AdapterTraits,
): Shader {
  const hidden = x.shape[1];
  const chained = traits.chained && x.shape[0] === 1;
  // An emulated GPU runs lanes one after another; a real one needs enough of them to hide memory latency.
  const lanes = traits.software ? 1 : chained ? traits.maxWorkgroupSize : 256;
  const addUp = laneSum(traits, { lanes, workgroupSize: lanes, type: "f32" });
  const perLane = Math.ceil(hidden / lanes);
  const isKept = perLane <= MAX_KEPT;
  const own = Array.from({ length: perLane }, (_, i) => i);
  const at = (i: number) => `(thread + ${i * lanes}u)`;
  const isSure = (i: number) => (i + 1) * lanes <= hidden;
  const read = (index: string) => (chained ? `x_words[${index}]` : `x[start + ${index}]`);
  /** Statements for each element of this lane: `value` is the element, less the mean once there is one. */
  const each = (statement: (value: string, at: string) => string) =>
    isKept
      ? own
          .map((i) =>
            isSure(i) ? statement(`v${i}`, at(i)) : `if (${at(i)} < ${hidden}u) { ${statement(`v${i}`, at(i))} }`,
          )
          .join("\n  ")
      : `for (var i = thread; i < ${hidden}u; i += ${lanes}u) { ${statement(`(${read("i")} - mean)`, "i")} }`;
  const load = (i: number) =>
    isSure(i) ? read(at(i)) : `select(0.0, ${read(`min(${at(i)}, ${hidden - 1}u)`)}, ${at(i)} < ${hidden}u)`;
  const write = (index: string, value: string) =>
    chained ? `out_put(${index}, ${value});` : `out[${lastOnly ? "" : "start + "}${index}] = ${value};`;
  const store = (index: string, value: string) => `x_words[${index}] = ${value};`;
  const subtractMean = isKept ? own.map((i) => `v${i} -= mean;`).join(" ") : "";
  return {
    bindings: [
      chained ? exchangedOutput("out", out) : { name: "out", tensor: out, access: "read_write", type: "array<f32>" },
      chained ? exchangedInput("x", x) : { name: "x", tensor: x, access: "read", type: "array<f32>" },
      { name: "weight", tensor: weight, access: "read", type: "array<f32>" },
      ...(bias ? [{ name: "bias", tensor: bias, access: "read", type: "array<f32>" } as const] : []),
    ],
    enables: addUp.enables,
    code: `${addUp.code}
${chained ? `var<workgroup> x_words: array<f32, ${hidden}>;` : ""}`,
    workgroupSize: lanes,
    main: `let token = ${lastOnly ? "run.tokens - 1u" : WORKGROUP_INDEX};
  if (token >= run.tokens) { return; }
  let start = token * ${hidden}u;
  var mean = 0.0;
  ${
    chained
      ? `${awaitVectors([{ name: "x", length: hidden, store }], lanes)}
  workgroupBarrier();`
      : ""
  }
  ${isKept ? own.map((i) => `var v${i} = ${load(i)};`).join("\n  ") : ""}
  ${
    kind === "layer"
      ? `var sum = 0.0;
  ${each((value) => `sum += ${value};`)}
  mean = lane_sum(sum, thread) / ${hidden}.0;
  ${subtractMean}`
      : ""
  }
  var squares = 0.0;
  ${each((value) => `squares += ${value} * ${value};`)}
  let deviation = sqrt(lane_sum(squares, thread) / ${hidden}.0 + ${epsilon});
  ${each((value, i) => write(i, `${value} / deviation * weight[${i}]${bias ? ` + bias[${i}]` : ""}`))}`,
    workgroups: (tokens) => (lastOnly ? [1, 1, 1] : spread(tokens)),
  };
}
