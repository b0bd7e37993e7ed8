/**
 * `linear` for many tokens on a GPU. A workgroup stages a tile of x and a tile of the weights, widened to f32, in workgroup
 * memory; each thread multiplies its share of both into sums that stay in registers. What the next step needs is loaded into
 * registers before the present step's arithmetic, which hides the way to memory.
 *
 * In workgroup memory four neighbouring tokens (or rows of weights) at one input make a `vec4`, so that a thread reads four
 * numbers at once; staging turns blocks of 4 × 4 around. In every second block of four inputs, neighbouring groups of four
 * `vec4` are exchanged: else threads that write side by side would write to the same banks.
 */
import type { Shader } from "@blackmamba/tensor";
import { loader } from "../wgsl/load.ts";
import { epilogue } from "./epilogue.wgsl.ts";
import { fourRows } from "./four-rows.wgsl.ts";
import { type Tiling, tilingSizes } from "./gemm-tiling.ts";
import type { LinearOperands, LinearParams } from "./linear.ts";
import { linearSizes } from "./linear-sizes.ts";
import { tiles } from "./tiles.wgsl.ts";

export function gemmTiled(operands: LinearOperands, params: LinearParams, tiling: Tiling): Shader {
  const { inputs, outputs } = linearSizes(operands);
  const size = tilingSizes(tiling);
  const x = loader("x", operands.x);
  const weights = loader("weights", operands.weights);
  const tokenTiles = tiles(operands, params, size.tokens);
  const weightRows = fourRows(operands);
  const tileOutputs = (size.rows / 4) * weightRows.outputs;
  const { bindings, code } = epilogue(operands, params);
  const { slices, depth } = tiling;
  const steps = Math.ceil(inputs / size.inputs);
  const { declare, load, store } = staging(tiling, inputs);
  const sums = range(tiling.tokensPerThread).flatMap((t) => range(tiling.rowsPerThread / 4).map((j) => sumName(t, j)));
  // The last step loads its own tile once more: a branch would keep the compiler from moving loads ahead.
  const loadNext = `let k = min(step + 1u, ${steps - 1}u) * ${size.inputs}u;
    ${load}`;

  const loop = `for (var step = 0u; step < ${steps}u; step++) {
    workgroupBarrier(); // the tile before has been read by all
    ${store}
    workgroupBarrier();
    ${loadNext}
    ${multiply(tiling)}
  }`;

  const tileType = (width: number) => `array<array<array<vec4<f32>, ${width / 4}>, ${depth}>, ${slices}>`;
  return {
    bindings: [...x.bindings, ...weights.bindings, ...tokenTiles.bindings, ...bindings],
    code: `${x.code}
${weights.code}
${code}
${tokenTiles.code}
${weightRows.code}
var<workgroup> tile_w: ${tileType(size.rows)};
var<workgroup> tile_x: ${tileType(size.tokens)};`,
    workgroupSize: size.threads,
    main: `${tokenTiles.find("workgroup_id.y")}
  if (tile.start >= tile.end) { return; }
  let first_output = workgroup_id.x * ${tileOutputs}u;
  ${threadPlace(tiling)}
  ${declare(weightRows.outputs)}
  ${sums.map((name) => `var ${name} = vec4<f32>();`).join("\n  ")}
  { let k = 0u; ${load} }
  ${loop}
  ${addSlices(tiling, sums)}
  ${storeSums(tiling, weightRows.outputs)}`,
    workgroups: (tokens) => [Math.ceil(outputs / tileOutputs), tokenTiles.count(tokens), 1],
  };
}

/** `sum3_1`: a thread's sums for its fourth token and its second four rows. */
const sumName = (token: number, rows4: number) => `sum${token}_${rows4}`;

/**
 * `slice`, and the thread's place within it: `own_x` among those that share the tokens, `own_w` among those that share the
 * rows. Threads that run together, 32 on most GPUs, make a block of 4 × 8, which reads the fewest different numbers.
 */
function threadPlace({ tokenThreads, rowThreads }: Tiling): string {
  const slice = `let slice = thread / ${tokenThreads * rowThreads}u;`;
  const blocks = rowThreads / 8;
  if (rowThreads % 8 !== 0 || tokenThreads % 4 !== 0 || blocks === 1) {
    return `${slice}
  let own_w = thread % ${rowThreads}u;
  let own_x = thread / ${rowThreads}u % ${tokenThreads}u;`;
  }
  return `${slice}
  let own_w = thread / 32u % ${blocks}u * 8u + thread % 8u;
  let own_x = thread / ${32 * blocks}u % ${tokenThreads / 4}u * 4u + thread / 8u % 4u;`;
}

/** Whether a tile with so many tokens or rows has its groups of four exchanged. */
const isExchanged = (width: number) => width % 32 === 0;

/**
 * WGSL that brings tiles from memory into registers and from there into workgroup memory, by blocks of four tokens (or rows)
 * × four inputs.
 */
function staging(tiling: Tiling, inputs: number) {
  const { depth, slices } = tiling;
  const size = tilingSizes(tiling);
  const [blocksW, blocksX] = [size.rows, size.tokens].map((width) => (width / 4) * (size.inputs / 4));
  const isRagged = inputs % size.inputs !== 0;
  const lastInput = Math.ceil(inputs / 4) * 4 - 4;
  const four = range(4);

  // All threads take a block, then all take another, until there are no more.
  const turns = range(Math.ceil((blocksW + blocksX) / size.threads)).map((turn) => {
    const [first, end] = [turn * size.threads, (turn + 1) * size.threads];
    const block = `(thread + ${first}u)`;
    /** Chooses the code for a block of weights or of x; by thread, in a turn that has both. */
    const either = (w: string, x: string) =>
      end <= blocksW ? w : first >= blocksW ? x : `if (${block} < ${blocksW}u) { ${w} } else { ${x} }`;
    const isPartial = end > blocksW + blocksX;
    return { turn, block, either, isPartial };
  });

  return {
    /** Declares where each turn's block is: its four tokens or rows (`line`, of the tile `four`) and its first `input`. */
    declare: (outputsOfFour: number) =>
      turns
        .map(({ turn, block, either, isPartial }) => {
          const w = `${blockPlace(turn, block, size.rows, size.inputs)}
    line${turn} = rows_of(tile.matrix, first_output + four${turn} * ${outputsOfFour}u);`;
          // A turn may have too few blocks: the threads left over load the last one again and do not store it.
          const own = `(${block} - ${blocksW}u)`;
          const blockX = isPartial ? `min${own.replace(")", "")}, ${blocksX - 1}u)` : own;
          const x = `${blockPlace(turn, blockX, size.tokens, size.inputs)}
    for (var i = 0u; i < 4u; i++) { line${turn}[i] = token_at(min(tile.start + four${turn} * 4u + i, tile.end - 1u)); }`;
          return `var line${turn}: vec4<u32>;
  var four${turn}: u32;
  var input${turn}: u32;
  ${four.map((i) => `var loaded${turn}_${i}: vec4<f32>;`).join(" ")}
  { ${either(w, x)} }`;
        })
        .join("\n  "),

    /** Loads the blocks of the tile that begins at the input `k`. */
    load: turns
      .map(({ turn, either }) => {
        const at = isRagged ? `min(k + input${turn}, ${lastInput}u)` : `k + input${turn}`;
        const lines = (name: string) =>
          four.map((i) => `loaded${turn}_${i} = ${name}4(line${turn}[${i}], at);`).join(" ");
        const clear = four.map((i) => `loaded${turn}_${i} = vec4<f32>();`).join(" ");
        return `{
      let at = ${at};
      ${either(lines("weights"), lines("x"))}
      ${isRagged ? `if (k + input${turn} >= ${inputs}u) { ${clear} }` : ""}
    }`;
      })
      .join("\n    "),

    /** Writes the loaded blocks, turned around, into workgroup memory. */
    store: turns
      .map(({ turn, block, either, isPartial }) => {
        const part = slices === 1 ? "0u" : `input${turn} / ${depth}u`;
        const input = slices === 1 ? `input${turn}` : `input${turn} % ${depth}u`;
        const lines = (name: string, width: number) => {
          const place = isExchanged(width) ? `four${turn} ^ (input${turn} & 4u)` : `four${turn}`;
          return four
            .map((k) => {
              const numbers = four.map((i) => `loaded${turn}_${i}[${k}]`).join(", ");
              return `${name}[${part}][${input} + ${k}u][${place}] = vec4<f32>(${numbers});`;
            })
            .join("\n      ");
        };
        const code = either(lines("tile_w", size.rows), lines("tile_x", size.tokens));
        return isPartial ? `if (${block} < ${blocksW + blocksX}u) { ${code} }` : `{ ${code} }`;
      })
      .join("\n    "),
  };
}

/**
 * Which tokens (or rows) and inputs a block has, of a tile with `width` of these and `inputs` of those. Eight threads side by
 * side take two blocks of inputs × four of tokens, which go to eight different banks; and all that run together read each
 * token's inputs in one run.
 */
function blockPlace(turn: number, block: string, width: number, inputs: number): string {
  const inputs4 = inputs / 4;
  return width % 16 !== 0
    ? `input${turn} = ${block} % ${inputs4}u * 4u;
    four${turn} = ${block} / ${inputs4}u;`
    : `input${turn} = (${block} % 2u + ${block} / 8u % ${inputs4 / 2}u * 2u) * 4u;
    four${turn} = ${block} / 2u % 4u + ${block} / ${4 * inputs4}u * 4u;`;
}

/** Multiplies the thread's share of its slice's tile. */
function multiply({ tokensPerThread, rowsPerThread, tokenThreads, rowThreads, depth }: Tiling): string {
  const read = (name: "w" | "x", k: number, threads: number, perThread: number) =>
    range(perThread / 4).map((i) => {
      const exchange = isExchanged(threads * perThread) && (k & 4) !== 0;
      // Among eight threads side by side the exchange is the same for all i, which saves registers.
      const place = !exchange
        ? `own_${name} + ${i * threads}u`
        : threads % 8 === 0
          ? `(own_${name} ^ 4u) + ${i * threads}u`
          : `(own_${name} + ${i * threads}u) ^ 4u`;
      return `let ${name}${i} = tile_${name}[slice][${k}][${place}];`;
    });
  return range(depth)
    .map((k) => {
      const products = range(tokensPerThread).flatMap((token) =>
        range(rowsPerThread / 4).map((j) => {
          const sum = sumName(token, j);
          return `${sum} = fma(vec4<f32>(x${token >> 2}[${token & 3}]), w${j}, ${sum});`;
        }),
      );
      const reads = [...read("w", k, rowThreads, rowsPerThread), ...read("x", k, tokenThreads, tokensPerThread)];
      return `{
      ${[...reads, ...products].join("\n      ")}
    }`;
    })
    .join("\n    ");
}

/** Adds the sums of all slices to those of the first, through the memory of the weights' tile, as many at a time as fit. */
function addSlices(tiling: Tiling, sums: readonly string[]): string {
  const { tokenThreads, rowThreads, slices, depth } = tiling;
  if (slices === 1) return "";
  const [width, threads] = [(rowThreads * tiling.rowsPerThread) / 4, tokenThreads * rowThreads];
  const perRound = Math.floor((width * depth * slices) / threads);
  const place = (i: number) => {
    const at = `(own + ${i * threads}u)`;
    return `tile_w[${at} / ${width * depth}u][${at} / ${width}u % ${depth}u][${at} % ${width}u]`;
  };
  const rounds = range(slices - 1).flatMap((other) =>
    range(Math.ceil(sums.length / perRound)).map((round) => {
      const names = sums.slice(round * perRound, (round + 1) * perRound);
      return `workgroupBarrier();
  if (slice == ${other + 1}u) { ${names.map((name, i) => `${place(i)} = ${name};`).join("\n    ")} }
  workgroupBarrier();
  if (slice == 0u) { ${names.map((name, i) => `${name} += ${place(i)};`).join("\n    ")} }`;
    }),
  );
  return `let own = thread % ${threads}u;
  ${rounds.join("\n  ")}
  if (slice != 0u) { return; }`;
}

/** Hands the thread's sums to the epilogue. */
function storeSums(
  { tokensPerThread, rowsPerThread, tokenThreads, rowThreads }: Tiling,
  outputsOfFour: number,
): string {
  return range(tokensPerThread)
    .map((token) => {
      const stores = range(rowsPerThread / 4).map((j) => {
        const output = `first_output + (own_w + ${j * rowThreads}u) * ${outputsOfFour}u`;
        return `store(${sumName(token, j)}, token, tile.matrix, ${output});`;
      });
      return `{
    let position = tile.start + (own_x + ${(token >> 2) * tokenThreads}u) * 4u + ${token & 3}u;
    if (position < tile.end) {
      let token = token_at(position);
      ${stores.join("\n      ")}
    }
  }`;
    })
    .join("\n  ");
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
