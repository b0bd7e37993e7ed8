/**
 * WGSL that adds up a value over neighbouring threads, the lanes that share a piece of work: through subgroups where the
 * adapter has them, else through workgroup memory.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";

/** What may be added up. */
export type SumType = "f32" | "vec2<f32>" | "vec3<f32>" | "vec4<f32>";

/** What a kernel needs to add up over its lanes. */
export interface LaneSum {
  readonly enables: NonNullable<Shader["enables"]>;
  /**
   * Declares `fn lane_sum(value: TYPE, thread: u32) -> TYPE`: the sum over the lanes of this thread, the same in each of
   * them. `thread` is the local invocation index. To be called in uniform control flow, by the whole workgroup.
   */
  readonly code: string;
}

/**
 * @param lanes - neighbouring threads that add up, a power of two that divides the workgroup
 * @param workgroupSize - threads of the workgroup
 */
export function laneSum(
  { subgroupSize }: Pick<AdapterTraits, "subgroupSize">,
  lanes: number,
  workgroupSize: number,
  type: SumType,
): LaneSum {
  if (lanes === 1)
    return { enables: [], code: `fn lane_sum(value: ${type}, thread: u32) -> ${type} { return value; }` };
  // Threads of a subgroup have to be neighbours, which takes whole subgroups.
  const hasSubgroups = subgroupSize > 1 && workgroupSize % subgroupSize === 0;
  if (!hasSubgroups) return { enables: [], code: tree(lanes, workgroupSize, type) };
  const code =
    lanes < subgroupSize
      ? shuffles(lanes, type)
      : lanes === subgroupSize
        ? `fn lane_sum(value: ${type}, thread: u32) -> ${type} { return subgroupAdd(value); }`
        : overSubgroups(lanes, subgroupSize, workgroupSize, type);
  return { enables: ["subgroups"], code };
}

function shuffles(lanes: number, type: string): string {
  const steps = [];
  for (let step = lanes / 2; step >= 1; step /= 2) steps.push(`sum += subgroupShuffleXor(sum, ${step}u);`);
  return `fn lane_sum(value: ${type}, thread: u32) -> ${type} {
  var sum = value;
  ${steps.join("\n  ")}
  return sum;
}`;
}

function overSubgroups(lanes: number, subgroupSize: number, workgroupSize: number, type: string): string {
  const parts = lanes / subgroupSize;
  return `var<workgroup> lane_parts: array<${type}, ${workgroupSize / subgroupSize}>;
fn lane_sum(value: ${type}, thread: u32) -> ${type} {
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

function tree(lanes: number, workgroupSize: number, type: string): string {
  return `var<workgroup> lane_parts: array<${type}, ${workgroupSize}>;
fn lane_sum(value: ${type}, thread: u32) -> ${type} {
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
