/**
 * The end of a matrix-vector product in WGSL: sums that lie spread over the lanes that share a row are added up, and each result
 * is given to a lane of its own, which finishes it: all at once, rather than one lane one after another.
 */
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import { laneSum, sumType } from "./lane-sum.ts";

/** Which results the lanes that share rows make. */
export interface ResultsPlan {
  /** Threads that share a row. */
  readonly lanes: number;
  readonly workgroupSize: number;
  /** Results of a token that these lanes make. */
  readonly ownOutputs: number;
  /** Rows that make one result: 2 where `finish` gets a gate's sum before the other. */
  readonly rowsPerOutput: number;
  /** Tokens that they make them for. */
  readonly tokens: number;
  /** All results per token. */
  readonly outputs: number;
  /** f32 expression that every sum is multiplied by. */
  readonly times?: string | undefined;
}

/** The pieces. */
export interface FinishResults {
  readonly enables: NonNullable<Shader["enables"]>;
  readonly code: string;
  /**
   * Statements before the sums are made, which call `prepare`: what finishing a result needs to read is on its way meanwhile. They
   * need `lane`, `first`, the lanes' first output, `start` and `end`, the tile's positions, `last`, the last position that
   * `token_at` may be asked for, and `matrix`.
   */
  readonly before: string;
  /**
   * Statements after that, in uniform control flow, which call `finish`.
   *
   * @param sums - f32 expressions of the lane's own sums: for each row, in the order of the outputs, those of all tokens
   */
  after(sums: readonly string[]): string;
}

/** Writes them. Besides `prepare` and `finish` (see `MatVec`) they need the function `token_at(position: u32) -> u32`. */
export function finishResults(plan: ResultsPlan, traits: AdapterTraits): FinishResults {
  if (canHandOver(plan, traits)) return handingOver(plan);
  const { lanes, workgroupSize, ownOutputs, rowsPerOutput, tokens, outputs, times } = plan;
  const width = Math.min(4, ownOutputs * rowsPerOutput * tokens);
  const addUp = laneSum(traits, { lanes, workgroupSize, type: sumType(width) });
  const total = (value: number) => `total_${Math.floor(value / width)}${width > 1 ? `.${"xyzw"[value % width]}` : ""}`;
  const results = ownOutputs * tokens;
  const isOneEach = results <= lanes;
  /** Where result number `index` of these lanes belongs, in range also for those that are not finished. */
  const place = (index: string) => `let output = first + ${index} / ${tokens}u;
  let position = start + ${index} % ${tokens}u;
  let token = token_at(min(position, last));
  let prepared = prepare(token, matrix, min(output, ${outputs - 1}u));`;
  const factor = times === undefined ? "" : ` * ${times}`;
  const blocks: string[] = [];
  for (let from = 0; from < results; from += lanes) {
    const own = Array.from({ length: Math.min(lanes, results - from) }, (_, i) => from + i);
    const pick = (name: string, of: (result: number) => string) => {
      const [head, ...rest] = own;
      const selects = rest.map((result) => `if (lane == ${result - from}u) { ${name} = ${of(result)}; }`);
      return `var ${name} = ${of(head as number)};\n    ${selects.join("\n    ")}`;
    };
    const row = (half: number) => (result: number) =>
      total((Math.floor(result / tokens) * rowsPerOutput + half) * tokens + (result % tokens));
    blocks.push(`{
    ${isOneEach ? "" : place(`(${from}u + lane)`)}
    ${rowsPerOutput === 2 ? pick("gate", row(0)) : ""}
    ${pick("sum", row(rowsPerOutput - 1))}
    if (lane < ${own.length}u && output < ${outputs}u && position < end) {
      finish(prepared, ${rowsPerOutput === 2 ? `gate${factor}, ` : ""}sum${factor}, token, matrix, output);
    }
  }`);
  }
  return {
    enables: addUp.enables,
    code: addUp.code,
    before: isOneEach ? place(`(lane % ${results}u)`) : "",
    after: (sums) =>
      [
        ...inGroups(sums, width).map((some, i) => {
          const value = width === 1 ? some[0] : `${sumType(width)}(${some.join(", ")})`;
          return `let total_${i} = lane_sum(${value}, thread);`;
        }),
        ...blocks,
      ].join("\n  "),
  };
}

/**
 * Whether lanes can hand over sums to each other, half of what they have at each step, until each has its own results alone: fewer
 * exchanges than adding up every sum in all lanes.
 */
function canHandOver({ lanes, workgroupSize, ownOutputs, tokens }: ResultsPlan, traits: AdapterTraits): boolean {
  const { software, subgroupSize } = traits;
  const results = ownOutputs * tokens;
  if (software || lanes === 1 || lanes > subgroupSize || workgroupSize % subgroupSize !== 0) return false;
  return results > 1 && (results % lanes === 0 || lanes % results === 0);
}

function handingOver({ lanes, ownOutputs, rowsPerOutput, tokens, outputs, times }: ResultsPlan): FinishResults {
  const results = ownOutputs * tokens;
  /** Of each lane; or so many lanes have the same one. */
  const own = Math.max(1, results / lanes);
  const sharing = Math.max(1, lanes / results);
  const each = Array.from({ length: own }, (_, i) => i);
  const factor = times === undefined ? "" : ` * ${times}`;
  return {
    enables: ["subgroups"],
    code: "",
    before: each
      .map(
        (i) => `let result_${i} = lane / ${sharing}u * ${own}u + ${i}u;
  let output_${i} = first + result_${i} / ${tokens}u;
  let position_${i} = start + result_${i} % ${tokens}u;
  let token_${i} = token_at(min(position_${i}, last));
  let prepared_${i} = prepare(token_${i}, matrix, min(output_${i}, ${outputs - 1}u));`,
      )
      .join("\n  "),
    after(sums) {
      // Results one after another, each with its gate first.
      let values = Array.from({ length: results * rowsPerOutput }, (_, index) => {
        const [result, half] = [Math.floor(index / rowsPerOutput), index % rowsPerOutput];
        const row = Math.floor(result / tokens) * rowsPerOutput + half;
        return sums[row * tokens + (result % tokens)] as string;
      });
      const lines: string[] = [];
      for (let step = lanes / 2; step >= 1; step /= 2) {
        const half = values.length / 2;
        const isHalved = values.length > own * rowsPerOutput;
        if (isHalved) lines.push(`let is_upper_${step} = (lane & ${step}u) != 0u;`);
        values = Array.from({ length: isHalved ? half : values.length }, (_, i) => {
          const name = `part_${step}_${i}`;
          const [low, high] = [values[i], values[i + half]];
          const [kept, given] = isHalved
            ? [`select(${low}, ${high}, is_upper_${step})`, `select(${high}, ${low}, is_upper_${step})`]
            : [low, low];
          lines.push(`let ${name} = ${kept} + subgroupShuffleXor(${given}, ${step}u);`);
          return name;
        });
      }
      const value = (index: number) => `${values[index]}${factor}`;
      const finishes = each.map((i) => {
        const gate = rowsPerOutput === 2 ? `${value(2 * i)}, ` : "";
        const isOwn = `${sharing > 1 ? `lane % ${sharing}u == 0u && ` : ""}output_${i} < ${outputs}u && position_${i} < end`;
        return `if (${isOwn}) {
    finish(prepared_${i}, ${gate}${value(rowsPerOutput * (i + 1) - 1)}, token_${i}, matrix, output_${i});
  }`;
      });
      return [...lines, ...finishes].join("\n  ");
    },
  };
}

/** The values in groups of `width`, the last filled up. */
function inGroups(values: readonly string[], width: number): string[][] {
  const groups = [];
  for (let i = 0; i < values.length; i += width) {
    const some = values.slice(i, i + width);
    groups.push([...some, ...Array<string>(width - some.length).fill("0.0")]);
  }
  return groups;
}
