/**
 * The scan on a GPU. A channel has several lanes, each with some of its state in registers from the first token to the last;
 * tokens come in tiles, which a workgroup's threads load together, coalesced, while they compute the tile before. Each lane's
 * part of an output goes through workgroup memory, and is added up by whichever thread stores the output.
 */
import { SILU, spread, WORKGROUP_INDEX } from "@blackmamba/kernels";
import type { AdapterTraits, Shader, Tensor } from "@blackmamba/tensor";
import { scanBindings } from "./scan-bindings.ts";
import type { SelectiveScanOperands } from "./selective-scan.ts";

/** How a scan is divided. */
export interface ScanTile {
  /** Channels of a workgroup. */
  readonly channels: number;
  /** Threads of a channel. */
  readonly lanes: number;
  /** Tokens of a tile: a multiple of `lanes`, or less. */
  readonly tokens: number;
}

const MOST_LANES = 8;
const MOST_TOKENS = 16;
/** Beyond, the state and A would not stay in registers. */
const MOST_STATES_PER_LANE = 16;
/** Steps of states that are written out one after another; beyond, the code would only grow. */
const MOST_UNROLLED = 64;
/** Channels whose f32 fill two sectors of memory. */
const CHANNELS = 16;

/** The tile for so many states per channel; none where they are too many. */
export function scanTile(states: number, { maxWorkgroupByteLength }: AdapterTraits): ScanTile | undefined {
  const lanes = Math.min(MOST_LANES, 2 ** Math.ceil(Math.log2(states)));
  if (states > lanes * MOST_STATES_PER_LANE) return undefined;
  const fitting = Math.floor(maxWorkgroupByteLength / tokenByteLength({ channels: CHANNELS, lanes }, states));
  return { channels: CHANNELS, lanes, tokens: Math.min(MOST_TOKENS, fitting) };
}

/** Workgroup memory of one token: two numbers per channel, a part of the output per thread, two numbers per state. */
function tokenByteLength({ channels, lanes }: Pick<ScanTile, "channels" | "lanes">, states: number): number {
  return 4 * (2 * channels + channels * lanes + 2 * lanes * Math.ceil(states / lanes));
}

export function selectiveScanTiled(operands: SelectiveScanOperands, { channels, lanes, tokens }: ScanTile): Shader {
  const { dt, B, C, z } = operands;
  const [inner, states] = operands.A.shape;
  const { bindings, nameOfU, nameOfC } = scanBindings(operands);
  const threads = channels * lanes;
  const statesPerLane = Math.ceil(states / lanes);
  // Lanes may have room for more states than there are: those stay 0.
  const width = statesPerLane * lanes;
  const own = range(statesPerLane);
  // Each thread loads u, dt and z of its channel for every so many-th token, and stores those tokens' outputs: so they may take
  // u's place. What is loaded past the last token or channel may be either by then, and is not used.
  const turns = range(Math.ceil(tokens / lanes));
  const pairs = range(Math.ceil((tokens * width) / threads));
  const row = ({ offset, rowStride }: Tensor, token: string) => `${offset}u + ${token} * ${rowStride}u`;
  const state = (i: number) => `${i}u * ${lanes}u + lane`;
  const isPadded = width !== states;

  const load = (first: string) => `
    ${turns
      .map(
        (i) => `{
      let token = min(${first} + lane + ${i * lanes}u, last);
      dt${i} = dt[${row(dt, "token")} + d];
      u${i} = ${nameOfU}[token * ${inner}u + d];
      z${i} = z[${row(z, "token")} + d];
    }`,
      )
      .join("\n    ")}
    ${pairs
      .map(
        (i) => `{
      let token = min(${first} + (thread + ${i * threads}u) / ${width}u, last);
      let n = (thread + ${i * threads}u) % ${width}u;
      ${isPadded ? `if (n < ${states}u) { ` : ""}pair${i} = vec2<f32>(B[${row(B, "token")} + n], ${nameOfC}[${row(C, "token")} + n]);${isPadded ? " }" : ""}
    }`,
      )
      .join("\n    ")}`;

  const advance = (t: string) => `{
      let step = steps[${t}][channel];
      ${own.map((i) => `let p${i} = inputs[${t}][${state(i)}];`).join(" ")}
      ${own.map((i) => `s${i} = fma(exp(step.x * a${i}), s${i}, step.y * p${i}.x);`).join("\n      ")}
      parts[${t}][thread] = ${own.reduce((sum, i) => (i === 0 ? "s0 * p0.y" : `fma(s${i}, p${i}.y, ${sum})`), "")};
    }`;

  return {
    bindings,
    code: `${SILU}
/** For each token and channel: dt, and dt · u. */
var<workgroup> steps: array<array<vec2<f32>, ${channels}>, ${tokens}>;
/** For each token and state: B and C. */
var<workgroup> inputs: array<array<vec2<f32>, ${width}>, ${tokens}>;
/** For each token and thread: its part of the output. */
var<workgroup> parts: array<array<f32, ${threads}>, ${tokens}>;`,
    workgroupSize: threads,
    main: `let channel = thread % ${channels}u;
  let lane = thread / ${channels}u;
  let own_d = ${WORKGROUP_INDEX} * ${channels}u + channel;
  // Past the last channel, threads repeat it and store nothing.
  let d = min(own_d, ${inner - 1}u);
  let last = run.tokens - 1u;
  let skip = D[d];
  ${own
    .map((i) => {
      const value = (name: string) => `${name}[d * ${states}u + ${state(i)}]`;
      return isPadded
        ? `var s${i} = 0.0; var a${i} = 0.0;
  if (${state(i)} < ${states}u) { s${i} = ${value("state")}; a${i} = ${value("A")}; }`
        : `var s${i} = ${value("state")}; let a${i} = ${value("A")};`;
    })
    .join("\n  ")}
  ${turns.map((i) => `var dt${i}: f32; var u${i}: f32; var z${i}: f32;`).join("\n  ")}
  ${pairs.map((i) => `var pair${i} = vec2<f32>();`).join(" ")}
  ${load("0u")}
  for (var first = 0u; first < run.tokens; first += ${tokens}u) {
    ${turns
      .map((i) =>
        guarded(`lane + ${i * lanes}u`, (i + 1) * lanes, tokens, (at) => {
          return `steps[${at}][channel] = vec2<f32>(dt${i}, dt${i} * u${i});`;
        }),
      )
      .join("\n    ")}
    ${turns.map((i) => `let input${i} = u${i}; let gate${i} = z${i};`).join("\n    ")}
    ${pairs
      .map((i) =>
        guarded(`thread + ${i * threads}u`, (i + 1) * threads, tokens * width, (at) => {
          return `inputs[(${at}) / ${width}u][(${at}) % ${width}u] = pair${i};`;
        }),
      )
      .join("\n    ")}
    workgroupBarrier();
    ${load(`first + ${tokens}u`)}
    let count = min(run.tokens - first, ${tokens}u);
    ${
      tokens * statesPerLane <= MOST_UNROLLED
        ? `if (count == ${tokens}u) {
      ${range(tokens)
        .map((t) => advance(`${t}u`))
        .join("\n      ")}
    } else {
      for (var t = 0u; t < count; t++) ${advance("t")}
    }`
        : `for (var t = 0u; t < count; t++) ${advance("t")}`
    }
    workgroupBarrier();
    ${turns
      .map((i) =>
        guarded(`lane + ${i * lanes}u`, (i + 1) * lanes, tokens, (at) => {
          const parts = range(lanes).map((lane) => `parts[${at}][channel + ${lane * channels}u]`);
          return `if (first + ${at} < run.tokens && own_d < ${inner}u) {
      let y = fma(skip, input${i}, ${parts.join(" + ")});
      out[(first + ${at}) * ${inner}u + d] = y * silu(gate${i});
    }`;
        }),
      )
      .join("\n    ")}
  }
  if (own_d < ${inner}u) {
    ${own
      .map((i) => {
        const store = `state[d * ${states}u + ${state(i)}] = s${i};`;
        return isPadded ? `if (${state(i)} < ${states}u) { ${store} }` : store;
      })
      .join("\n    ")}
  }`,
    workgroups: () => spread(Math.ceil(inner / channels)),
  };
}

/** Code for an index below `end`; it checks that it is also below `limit`, where it may not be. */
function guarded(index: string, end: number, limit: number, code: (index: string) => string): string {
  return end <= limit ? code(index) : `if (${index} < ${limit}u) { ${code(index)} }`;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
