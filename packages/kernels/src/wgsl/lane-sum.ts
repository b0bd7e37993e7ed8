/**
 * WGSL that adds up a value over neighbouring threads: through subgroups where the adapter has them, else through workgroup
 * memory.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";

/** What may be added up. */
export type SumType = "f32" | "vec2<f32>" | "vec3<f32>" | "vec4<f32>";

/** The type with so many components. */
export function sumType(width: number): SumType {
  return (["f32", "vec2<f32>", "vec3<f32>", "vec4<f32>"] as const)[width - 1] ?? "vec4<f32>";
}

/** A function that adds up. */
export interface LaneSum {
  readonly enables: NonNullable<Shader["enables"]>;
  /**
   * Declares `fn lane_sum(value: TYPE, thread: u32) -> TYPE`: the sum over the lanes of this thread, the same in each of them.
   * `thread` is the local invocation index. To be called in uniform control flow, by the whole workgroup.
   */
  readonly code: string;
}

/** Over what. */
export interface LaneSumPlan {
  /** Neighbouring threads that add up, a power of two that divides the workgroup; or the whole workgroup. */
  readonly lanes: number;
  readonly workgroupSize: number;
  readonly type: SumType;
}

/** The function for this adapter. */
export function laneSum({ software, subgroupSize }: AdapterTraits, plan: LaneSumPlan): LaneSum {
  const { lanes, workgroupSize, type } = plan;
  const head = `fn lane_sum(value: ${type}, thread: u32) -> ${type}`;
  if (lanes === 1) return { enables: [], code: `${head} { return value; }` };
  if (software) return { enables: [], code: oneByOne(plan, head) };
  // Threads of a subgroup have to be neighbours, which takes whole subgroups.
  const hasSubgroups = subgroupSize > 1 && workgroupSize % subgroupSize === 0;
  if (!hasSubgroups) return { enables: [], code: tree(plan, head) };
  const code =
    lanes < subgroupSize
      ? shuffles(lanes, type, head)
      : lanes === subgroupSize
        ? `${head} { return subgroupAdd(value); }`
        : overSubgroups(plan, subgroupSize, head);
  return { enables: ["subgroups"], code };
}

function shuffles(lanes: number, type: SumType, head: string): string {
  const steps = [];
  for (let step = lanes / 2; step >= 1; step /= 2) steps.push(`sum += subgroupShuffleXor(sum, ${step}u);`);
  return `${head} {
  var sum: ${type} = value;
  ${steps.join("\n  ")}
  return sum;
}`;
}

function overSubgroups({ lanes, workgroupSize, type }: LaneSumPlan, subgroupSize: number, head: string): string {
  const parts = lanes / subgroupSize;
  return `var<workgroup> lane_parts: array<${type}, ${workgroupSize / subgroupSize}>;
${head} {
  let part = subgroupAdd(value);
  workgroupBarrier(); // the sum before has been read by all
  if (thread % ${subgroupSize}u == 0u) { lane_parts[thread / ${subgroupSize}u] = part; }
  workgroupBarrier();
  let first = thread / ${lanes}u * ${parts}u;
  var sum = lane_parts[first];
  for (var i = 1u; i < ${parts}u; i++) { sum += lane_parts[first + i]; }
  return sum;
}`;
}

function tree({ lanes, workgroupSize, type }: LaneSumPlan, head: string): string {
  return `var<workgroup> lane_parts: array<${type}, ${workgroupSize}>;
${head} {
  workgroupBarrier(); // the sum before has been read by all
  lane_parts[thread] = value;
  for (var half = ${lanes / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread % ${lanes}u < half) { lane_parts[thread] += lane_parts[thread + half]; }
  }
  workgroupBarrier();
  return lane_parts[thread / ${lanes}u * ${lanes}u];
}`;
}

/** On an emulated GPU a barrier costs more than that every lane adds up all parts. */
function oneByOne({ lanes, workgroupSize, type }: LaneSumPlan, head: string): string {
  return `var<workgroup> lane_parts: array<${type}, ${workgroupSize}>;
${head} {
  workgroupBarrier(); // the sum before has been read by all
  lane_parts[thread] = value;
  workgroupBarrier();
  let first = thread / ${lanes}u * ${lanes}u;
  var sum = lane_parts[first];
  for (var i = 1u; i < ${lanes}u; i++) { sum += lane_parts[first + i]; }
  return sum;
}`;
}
