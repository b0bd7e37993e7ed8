/**
 * Several lanes to a channel: each takes a part of the time step's projection, then some of the states. A channel's values are
 * read and written by its own lanes alone, so the result can take the place of the input.
 */
import {
  awaitVectors,
  buffers,
  exchangedInput,
  exchangedOutput,
  laneSum,
  loader,
  SILU,
  SOFTPLUS,
  scanLanes,
} from "@blackmamba/kernels";
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import type { ScanStepOperands } from "./scan-step.ts";

const WORKGROUP_SIZE = 64;

export function scanStepShader(operands: ScanStepOperands, _: unknown, traits: AdapterTraits): Shader {
  const chained = traits.chained && operands.u.shape[0] === 1;
  const workgroupSize = chained ? traits.maxWorkgroupSize : WORKGROUP_SIZE;
  const { u, z, lowRank, B, C, dtProj, dtBias, A, D, state } = operands;
  const [capacity, inner] = u.shape;
  const states = A.shape[1];
  const dtRank = lowRank.shape[1];
  const lanes = scanLanes(states, capacity, traits);
  const channels = workgroupSize / lanes;
  const addUp = laneSum(traits, { lanes, workgroupSize, type: "f32" });
  const projection = loader("dt_proj", dtProj);
  const ownWeights = { dt_bias: dtBias, A, D, state };
  const plain = chained ? undefined : buffers({ u, z, low: lowRank, B, C, ...ownWeights }, ["u", "state"]);
  /** What calls of a chain hand each other for all channels. */
  const shared = [
    { name: "low", tensor: lowRank },
    { name: "B", tensor: B },
    { name: "C", tensor: C },
  ].map(({ name, tensor }) => ({ name, tensor, length: tensor.shape[1] ?? 1 }));
  const at = (name: "u" | "z" | "low" | "B" | "C", row: string, column: string) =>
    plain?.at(name, row, column) ??
    (name === "u" || name === "z" ? `${name}_at(${column})` : `${name}_words[${column}]`);
  const own = Array.from({ length: Math.ceil(states / lanes) }, (_, i) => i);
  const n = (i: number) => `(lane + ${i * lanes}u)`;
  // With lanes that have one state fewer than others, those past the end count as zero.
  const isUneven = states % lanes > 0;
  const guarded = (i: number, value: string) =>
    isUneven && i === own.length - 1 ? `select(0.0, ${value}, ${n(i)} < ${states}u)` : value;
  const safe = (i: number) => (isUneven && i === own.length - 1 ? `min(${n(i)}, ${states - 1}u)` : n(i));
  const low = [0, 1, 2, 3].map((i) => {
    const value = at("low", "token", `k + ${i}u`);
    return dtRank % 4 === 0 || i === 0
      ? value
      : `select(0.0, ${at("low", "token", `min(k + ${i}u, ${dtRank - 1}u)`)}, k + ${i}u < ${dtRank}u)`;
  });
  /** The projection's weights of a lane, on their way before what they are multiplied with is there. */
  const turns = Array.from({ length: chained ? Math.ceil(dtRank / 4 / lanes) : 0 }, (_, turn) => turn);
  const column = (turn: number) => `(lane + ${turn * lanes}u) * 4u`;
  const isIn = (turn: number) => `${column(turn)} < ${dtRank}u`;
  const store = (name: string) => (index: string, value: string) => `${name}_words[${index}] = ${value};`;
  return {
    bindings: [
      ...(plain?.bindings ?? [
        ...buffers(ownWeights, ["state"]).bindings,
        ...shared.map(({ name, tensor }) => exchangedInput(name, tensor)),
        ...[exchangedInput("u", u, "own"), exchangedInput("z", z, "own"), exchangedOutput("y", u)],
      ]),
      ...projection.bindings,
    ],
    enables: addUp.enables,
    code: `${SILU}
${SOFTPLUS}
${projection.code}
${addUp.code}
${chained ? shared.map(({ name, length }) => `var<workgroup> ${name}_words: array<f32, ${length}>;`).join("\n") : ""}`,
    workgroupSize,
    main: `let token = workgroup_id.y;
  let lane = thread % ${lanes}u;
  let channel = workgroup_id.x * ${channels}u + thread / ${lanes}u;
  // Past the last channel lanes repeat it and store nothing: sums are taken together.
  let d = min(channel, ${inner - 1}u);
  let stores = channel < ${inner}u && token < run.tokens;
  let dt_bias_d = dt_bias[d];
  let skip = D[d];
  let own = (token * ${inner}u + d) * ${states}u;
  ${own.map((i) => `let a${i} = A[d * ${states}u + ${safe(i)}]; let s${i} = state[own + ${safe(i)}];`).join(" ")}
  ${turns.map((turn) => `let p${turn} = dt_proj4(d, select(0u, ${column(turn)}, ${isIn(turn)}));`).join(" ")}
  let input = ${at("u", "token", "d")};
  let gate = ${at("z", "token", "d")};
  ${
    chained
      ? `${awaitVectors(
          shared.map(({ name, length }) => ({ name, length, store: store(name) })),
          workgroupSize,
        )}
  workgroupBarrier();`
      : ""
  }
  ${own.map((i) => `let b${i} = ${at("B", "token", safe(i))}; let c${i} = ${guarded(i, at("C", "token", safe(i)))};`).join(" ")}
  var part = 0.0;
  ${
    chained
      ? turns
          .map(
            (turn) =>
              `if (${isIn(turn)}) { let k = ${column(turn)}; part += dot(p${turn}, vec4<f32>(${low.join(", ")})); }`,
          )
          .join("\n  ")
      : `for (var k = lane * 4u; k < ${dtRank}u; k += ${4 * lanes}u) {
    part += dot(dt_proj4(d, k), vec4<f32>(${low.join(", ")}));
  }`
  }
  let dt = softplus(lane_sum(part, thread) + dt_bias_d);
  var y = 0.0;
  ${own.map((i) => `let n${i} = fma(exp(dt * a${i}), s${i}, dt * input * b${i}); y = fma(n${i}, c${i}, y);`).join("\n  ")}
  y = lane_sum(y, thread);
  if (!stores) { return; }
  ${own.map((i) => `${isUneven && i === own.length - 1 ? `if (${n(i)} < ${states}u) ` : ""}{ state[own + ${n(i)}] = n${i}; }`).join("\n  ")}
  let result = fma(skip, input, y) * silu(gate);
  if (lane == 0u) { ${chained ? "y_put(d, result);" : `${at("u", "token", "d")} = result;`} }`,
    workgroups: (tokens) => [Math.ceil(inner / channels), Math.min(tokens, capacity), 1],
  };
}
