/**
 * `linear` in WebAssembly: weights are read as they are stored, on all threads.
 */
import { type DType, type HostOperands, SCRATCH_BYTE_LENGTH, u32, type WasmEngine } from "@blackmamba/tensor";
import { normWasm } from "../norm/norm.wasm.ts";
import { bindActivate } from "../wasm/activate.wasm.ts";
import { addressOf, kernelsModule, strideOf } from "../wasm/module.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { DEFAULT_EPSILON } from "./linear-sizes.ts";

/** The types' numbers in `assembly/weights.ts`. */
const TYPES: Readonly<Partial<Record<DType, number>>> = { f32: 0, f16: 1, bf16: 2, q8_0: 3, q4_0: 4 };

/** Bits of an element, for addresses of matrices in a stack. */
const BITS: Readonly<Partial<Record<DType, number>>> = { f32: 32, f16: 16, bf16: 16, q8_0: 8, q4_0: 4 };

/** The bits of `flags` in `assembly/linear.ts`. */
const FLAGS = { softplus: 1, gelu: 2, gated: 4, accumulate: 8 };

/** Rows that are unpacked at a time where they fit: those of the longest published model stay in the first-level cache. */
const ROWS_PER_BLOCK = 8;

/** Quantised types, whose products with a single token are sums of integers: x is cut into digits first. */
const DIGITS = { block: 32, byteLength: 144 };

/** Measured: cutting one element takes so long. */
const CUT_NS = 0.4;

/** Measured: below so many tokens, reading the weights anew for each is faster than unpacking them for all. */
const MIN_MAT_MUL_TOKENS = 4;

/** Measured: one product of an element of the weights and one of x takes so long, for one token and for several. */
const PRODUCT_NS = { matVec: 0.08, matMul: 0.04 };

/** Where what changes from run to run stands among the arguments. */
const WORD = { values: 0, scales: 1, bias: 9, tokens: 13, members: 14 };

export function linearWasm(
  operands: HostOperands<LinearOperands>,
  params: LinearParams,
  engine: WasmEngine,
): ((tokens: number) => void) | undefined {
  const { out, weights, norm, bias, expert, groups, scale } = operands;
  const { activation, accumulate = false, firstExpert = 0, epsilon = DEFAULT_EPSILON } = params;
  const type = TYPES[weights.dtype];
  if (type === undefined) return undefined;
  const [capacity, outputs] = out.shape;
  const inputs = operands.x.shape[1];
  const isGated = activation === "gated-gelu";
  const rows = isGated ? 2 * outputs : outputs;
  const mayMatMul = capacity >= MIN_MAT_MUL_TOKENS;

  const x = norm ? engine.workspace(capacity, inputs) : operands.x;
  const normalise =
    norm && normWasm({ out: x, x: operands.x, weight: norm, bias: undefined }, { kind: "rms", epsilon }, engine);

  const block = rowsPerBlock(inputs);
  const [matVec, matMul] = [engine.task(kernelsModule, "matVec"), engine.task(kernelsModule, "matMul")];
  const flags =
    (activation === "softplus" ? FLAGS.softplus : 0) +
    (activation === "gelu" ? FLAGS.gelu : 0) +
    (isGated ? FLAGS.gated : 0) +
    (accumulate ? FLAGS.accumulate : 0);
  const words = Uint32Array.of(
    ...[addressOf(weights), weights.scales?.byteOffset ?? 0, type, inputs, outputs],
    ...[addressOf(x), strideOf(x), addressOf(out), strideOf(out), addressOf(bias), flags],
    ...[addressOf(scale), strideOf(scale), 1, 0, block],
  );

  // Gate and value of several tokens are multiplied as rows of one matrix, and joined afterwards.
  const joined = isGated && mayMatMul && block > 0 ? engine.workspace(capacity, rows) : undefined;
  const join = joined && bindActivate(engine, { out, x: joined, scale }, { gated: true, accumulate });
  const joinedWords = joined && words.slice();
  joinedWords?.set([rows, addressOf(x), strideOf(x), addressOf(joined), strideOf(joined), 0, 0, 0], 4);

  // Single tokens are multiplied with quantised weights digit by digit.
  const digits = weights.scales && engine.workspace(capacity, ((inputs / DIGITS.block) * DIGITS.byteLength) / 4);
  const cut = engine.task(kernelsModule, "cut");
  const cutWords =
    digits && Uint32Array.of(addressOf(digits), strideOf(digits), addressOf(x), strideOf(x), inputs, type, 0);
  const vectorWords = digits ? words.slice() : words;
  if (digits) vectorWords.set([addressOf(digits), strideOf(digits)], 5);

  const matrixByteLength = (rows * inputs * (BITS[weights.dtype] ?? 0)) / 8;
  const multiply = (matrix: number, tokens: number, members: number) => {
    const isMatMul = tokens >= MIN_MAT_MUL_TOKENS && block > 0;
    const own = isMatMul ? (joinedWords ?? words) : vectorWords;
    own[WORD.values] = addressOf(weights) + matrix * matrixByteLength;
    if (weights.scales) own[WORD.scales] = weights.scales.byteOffset + (matrix * rows * inputs) / 16;
    if (bias) own[WORD.bias] = addressOf(bias) + (firstExpert + matrix) * rows * 4;
    own[WORD.tokens] = tokens;
    own[WORD.members] = members;
    const products = tokens * rows * inputs;
    if (!isMatMul) {
      if (cutWords) {
        cutWords[6] = members;
        engine.run(cut, cutWords, tokens, tokens * inputs * CUT_NS);
      }
      engine.run(matVec, own, Math.ceil(outputs / 4), products * PRODUCT_NS.matVec);
      return;
    }
    engine.run(matMul, own, Math.ceil((join ? rows : outputs) / block), products * PRODUCT_NS.matMul);
    join?.(tokens, members);
  };

  if (!expert) {
    return (runTokens) => {
      const tokens = Math.min(runTokens, capacity);
      normalise?.(tokens);
      multiply(0, tokens, 0);
    };
  }
  const experts = weights.shape[0];
  const chosen = u32(expert);
  const grouped = groups && u32(groups);
  // A few tokens come ungrouped.
  const members = engine.workspace(1, grouped ? 0 : capacity).values;
  const ownTokens = new Uint32Array(members.buffer, members.byteOffset, members.length);
  return (runTokens) => {
    const tokens = Math.min(runTokens, capacity);
    normalise?.(tokens);
    if (tokens === 1) {
      const matrix = chosen[0] - firstExpert;
      if (matrix >= 0 && matrix < experts) multiply(matrix, 1, 0);
      return;
    }
    if (!grouped) {
      for (let matrix = 0; matrix < experts; matrix++) {
        let count = 0;
        for (let t = 0; t < tokens; t++) if (chosen[t] === firstExpert + matrix) ownTokens[count++] = t;
        if (count > 0) multiply(matrix, count, members.byteOffset);
      }
      return;
    }
    // groups has all experts of the layer, this stack perhaps only some of them.
    const total = groups.shape[0] - 1 - expert.shape[0];
    for (let matrix = 0; matrix < experts; matrix++) {
      const [start, end] = [grouped[firstExpert + matrix], grouped[firstExpert + matrix + 1]];
      if (end > start) multiply(matrix, end - start, addressOf(groups) + (total + 1 + start) * 4);
    }
  };
}

/** How many rows to unpack at a time; 0 where not even four fit, and every token has to read the weights itself. */
function rowsPerBlock(inputs: number): number {
  const fitting = Math.floor(SCRATCH_BYTE_LENGTH / (Math.ceil(inputs / 4) * 16));
  return Math.min(ROWS_PER_BLOCK, fitting - (fitting % 4));
}
