/**
 * A matrix-vector product whose lanes hold the rows d and inner + d together: what finishes a sum has a channel's input and
 * its gate, and steps that channel's convolution, whose inputs nobody else touches.
 */
import {
  buffers,
  exchangedOutput,
  type MatVecOperands,
  type MatVecsPlan,
  matVec,
  matVecs,
  SILU,
} from "@blackmamba/kernels";
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import type { InProjStepOperands, InProjStepParams } from "./in-proj-step.ts";

export function inProjStepShader(
  { u, z, x, norm, weights, bias, conv, convBias, state }: InProjStepOperands,
  { epsilon }: InProjStepParams,
  adapter: AdapterTraits,
): Shader {
  const [capacity, inner] = u.shape;
  const chained = adapter.chained && capacity === 1;
  const traits = { ...adapter, chained };
  const taps = conv.shape[1];
  const kept = taps - 1;
  const sizes = { outputs: inner, paired: true, capacity };
  // On an emulated GPU vectors share nothing.
  const product =
    capacity === 1 || traits.software
      ? single({ x, weights, norm: norm && { weight: norm, epsilon } }, sizes, traits)
      : several({ x, weights }, sizes, traits);
  const { bindings, at } = buffers(
    {
      ...(!chained && { u, z }),
      ...{ conv, conv_bias: convBias, ...(bias && { bias }), ...(state && { state }) },
    } as { readonly [name in "u" | "z" | "conv" | "conv_bias" | "bias" | "state"]: typeof u },
    [...(chained ? [] : (["u", "z"] as const)), ...(state ? (["state"] as const) : [])],
  );
  const put = (name: "u" | "z", value: string) =>
    chained ? `${name}_put(d, ${value});` : `${at(name, "token", "d")} = ${value};`;
  const own = (j: number) => `state[(token * ${kept}u + ${j}u) * ${inner}u + d]`;
  const earlier = Array.from({ length: kept }, (_, j) => j);
  const members = [
    ["conv_bias", "conv_bias[d]"],
    ...Array.from({ length: taps }, (_, j) => [`tap${j}`, `conv[d * ${taps}u + ${j}u]`]),
    ...earlier.map((j) => [`state${j}`, own(j)]),
    ...(bias
      ? [
          ["x_bias", "bias[d]"],
          ["z_bias", `bias[${inner}u + d]`],
        ]
      : []),
  ];
  return {
    bindings: [
      ...product.bindings,
      ...bindings,
      ...(chained ? [exchangedOutput("u", u), exchangedOutput("z", z)] : []),
    ],
    enables: product.enables,
    code: `${SILU}
fn token_at(position: u32) -> u32 { return position; }
struct Prepared { ${members.map(([name]) => `${name}: f32`).join(", ")} }
fn prepare(token: u32, matrix: u32, d: u32) -> Prepared {
  return Prepared(${members.map(([, value]) => value).join(", ")});
}
fn finish(prepared: Prepared, x_sum: f32, z_sum: f32, token: u32, matrix: u32, d: u32) {
  let input = x_sum${bias ? " + prepared.x_bias" : ""};
  var sum = fma(prepared.tap${kept}, input, prepared.conv_bias);
  ${earlier.map((j) => `sum = fma(prepared.tap${j}, prepared.state${j}, sum);`).join("\n  ")}
  ${earlier.map((j) => `${own(j)} = ${j + 1 < kept ? `prepared.state${j + 1}` : "input"};`).join("\n  ")}
  ${put("u", "silu(sum)")}
  ${put("z", `z_sum${bias ? " + prepared.z_bias" : ""}`)}
}
${product.code}`,
    workgroupSize: product.workgroupSize,
    main: product.main,
    workgroups: product.workgroups,
  };
}

type Product = Pick<Shader, "bindings" | "enables" | "code" | "workgroupSize" | "main" | "workgroups">;

/** A workgroup's rows with one token. */
function single(operands: MatVecOperands, sizes: MatVecsPlan, traits: AdapterTraits): Product {
  const tiles = (tokens: number) => Math.min(tokens, sizes.capacity);
  const { shape, begin, stage, rest, ...product } = matVec(operands, { ...sizes, tiles }, traits);
  return {
    ...product,
    main: `let matrix = 0u;
  let start = workgroup_id.y;
  let end = start + 1u;
  if (start >= min(run.tokens, ${sizes.capacity}u)) { return; }
  let lane = thread % ${shape.lanes}u;
  ${begin}
  ${stage}
  ${rest}`,
  };
}

/** With a few. */
function several(operands: MatVecOperands, sizes: MatVecsPlan, traits: AdapterTraits): Product {
  const { shape, begin, tile, ...product } = matVecs(operands, sizes, traits);
  return {
    ...product,
    main: `let matrix = 0u;
  let lane = thread % ${shape.lanes}u;
  ${begin}
  // What is read of tokens that a run has not is not waited for, and multiplied in vain.
  let last = ${sizes.capacity - 1}u;
  let start = workgroup_id.y * ${shape.tokens}u;
  let end = min(start + ${shape.tokens}u, min(run.tokens, ${sizes.capacity}u));
  if (start >= end) { return; }
  ${tile}`,
    workgroups: (tokens) => product.workgroups(Math.ceil(Math.min(tokens, sizes.capacity) / shape.tokens)),
  };
}
