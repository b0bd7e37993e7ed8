/**
 * WGSL that takes a lane through its chunks of a row: in batches whose loads are all under way before the first is used.
 */

/** What is done to each chunk. */
export interface OverChunks {
  /** Chunks of a row. */
  readonly chunks: number;
  /** Lanes that share them, in turn; the shader's `lane` is which. */
  readonly lanes: number;
  readonly loadsPerChunk: number;
  /** Whether to write out every step rather than a loop. */
  readonly isUnrolled: boolean;
  /** Statements that load a chunk, into variables whose names end in `suffix`. */
  load(suffix: string, chunk: string): string;
  /** Statements that use them. `keep` is an expression that is 0 where the chunk has been loaded only to load something. */
  multiply(suffix: string, chunk: string, keep?: string): string;
}

/** Loads of 16 bytes that a lane keeps in flight. */
const MAX_LOADS_IN_FLIGHT = 16;

/** The statements. */
export function overChunks({ chunks, lanes, loadsPerChunk, isUnrolled, load, multiply }: OverChunks): string {
  const whole = Math.floor(chunks / lanes);
  const last = `min(${whole * lanes}u + lane, ${chunks - 1}u)`;
  const keep = `f32(${whole * lanes}u + lane < ${chunks}u)`;
  const hasRest = chunks % lanes > 0;
  const atOnce = Math.floor(MAX_LOADS_IN_FLIGHT / loadsPerChunk);
  if (lanes === 1 || !isUnrolled || atOnce < 2) {
    const rest = `{
    let chunk = ${last};
    let keep = ${keep};
    ${load("", "chunk")}
    ${multiply("", "chunk", "keep")}
  }`;
    return `for (var chunk = lane; chunk < ${whole * lanes}u; chunk += ${lanes}u) {
    ${load("", "chunk")}
    ${multiply("", "chunk")}
  }
  ${hasRest ? rest : ""}`;
  }
  const steps = Array.from({ length: whole + (hasRest ? 1 : 0) }, (_, i) => i);
  const chunk = (i: number) => (i === whole ? last : `(lane + ${i * lanes}u)`);
  const batches = [];
  for (let step = 0; step < steps.length; step += atOnce) {
    const batch = steps.slice(step, step + atOnce);
    batches.push(`{
    ${batch.map((i) => `let chunk_${i} = ${chunk(i)};`).join(" ")}
    ${batch.map((i) => load(`_${i}`, `chunk_${i}`)).join("\n    ")}
    ${batch.map((i) => multiply(`_${i}`, `chunk_${i}`, i === whole ? keep : undefined)).join("\n    ")}
  }`);
  }
  return batches.join("\n  ");
}
