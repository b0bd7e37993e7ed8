/**
 * WGSL that takes a lane through its chunks of a row: in batches whose loads are all under way before the first is used.
 */

/** What is done to each chunk. */
export interface OverChunks {
  /** Chunks of a row. */
  readonly count: number;
  /** Lanes that share them, in turn; the shader's `lane` is which. */
  readonly lanes: number;
  readonly loadsPerChunk: number;
  /** Of the variable that is a chunk's index, or the start of it. */
  readonly name: string;
  /** Statements that load a chunk, into variables whose names end in `suffix`. */
  load(suffix: string, chunk: string): string;
  /**
   * Statements that use them. `keep` is an expression that is 0 where the chunk has been loaded only to load something.
   */
  multiply(suffix: string, chunk: string, keep?: string): string;
}

/** Loads of 16 bytes that a lane keeps in flight. */
const MAX_LOADS_IN_FLIGHT = 16;

/** The statements: `begin` loads the first chunks, where anything may follow before `rest`. */
export function overChunks(over: OverChunks): { begin: string; rest: string } {
  const { count, lanes, loadsPerChunk, name, load, multiply } = over;
  const whole = Math.floor(count / lanes);
  const keep = count % lanes > 0 ? `f32(${whole * lanes}u + lane < ${count}u)` : undefined;
  const steps = Array.from({ length: whole + (keep ? 1 : 0) }, (_, i) => i);
  const atOnce = Math.max(1, Math.floor(MAX_LOADS_IN_FLIGHT / loadsPerChunk));
  const chunk = (i: number) =>
    i === whole ? `min(${whole * lanes}u + lane, ${count - 1}u)` : `(lane + ${i * lanes}u)`;
  const loads = (i: number) => `let ${name}_${i} = ${chunk(i)}; ${load(`_${name}_${i}`, `${name}_${i}`)}`;
  const products = (i: number) => multiply(`_${name}_${i}`, `${name}_${i}`, i === whole ? keep : undefined);
  if (lanes === 1) {
    const rest = `for (var ${name} = 0u; ${name} < ${count}u; ${name}++) {
    ${load("", name)}
    ${multiply("", name)}
  }`;
    return { begin: "", rest };
  }
  const batches = [];
  for (let step = 0; step < steps.length; step += atOnce) batches.push(steps.slice(step, step + atOnce));
  const [first = [], ...others] = batches;
  return {
    begin: first.map(loads).join("\n  "),
    rest: [
      first.map(products).join("\n  "),
      ...others.map(
        (batch) => `{
    ${batch.map(loads).join("\n    ")}
    ${batch.map(products).join("\n    ")}
  }`,
      ),
    ].join("\n  "),
  };
}
