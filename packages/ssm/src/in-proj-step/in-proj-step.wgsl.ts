/**
 * A matrix-vector product whose lanes hold the rows d and inner + d together: what finishes a sum has a channel's input and
 * its gate, and steps that channel's convolution, whose inputs nobody else touches.
 */
import { buffers, MAT_VEC_PARAMETERS, matVec, matVecTokens, SILU } from "@blackmamba/kernels";
import type { AdapterTraits, Shader } from "@blackmamba/tensor";
import type { InProjStepOperands, InProjStepParams } from "./in-proj-step.ts";

export function inProjStepShader(
  { u, z, x, norm, weights, bias, conv, convBias, state }: InProjStepOperands,
  { epsilon }: InProjStepParams,
  traits: AdapterTraits,
): Shader {
  const [capacity, inner] = u.shape;
  const taps = conv.shape[1];
  const kept = taps - 1;
  const tileTokens = matVecTokens(capacity, traits);
  const product = matVec(
    { x, weights, norm: { weight: norm, epsilon } },
    { outputs: inner, paired: true, tileTokens, tiles: (tokens) => Math.ceil(Math.min(tokens, capacity) / tileTokens) },
    traits,
  );
  const { bindings, at } = buffers(
    { u, z, conv, conv_bias: convBias, ...(bias && { bias }), ...(state && { state }) } as {
      readonly [name in "u" | "z" | "conv" | "conv_bias" | "bias" | "state"]: typeof u;
    },
    ["u", "z", ...(state ? (["state"] as const) : [])],
  );
  const own = (j: number) => `state[(token * ${kept}u + ${j}u) * ${inner}u + d]`;
  const earlier = Array.from({ length: kept }, (_, j) => j);
  return {
    bindings: [...product.bindings, ...bindings],
    enables: product.enables,
    code: `${SILU}
fn token_at(position: u32) -> u32 { return position; }
fn finish(x_sum: f32, z_sum: f32, token: u32, matrix: u32, d: u32) {
  let input = x_sum${bias ? " + bias[d]" : ""};
  ${earlier.map((j) => `let s${j} = ${own(j)};`).join("\n  ")}
  var sum = fma(conv[d * ${taps}u + ${kept}u], input, conv_bias[d]);
  ${earlier.map((j) => `sum = fma(conv[d * ${taps}u + ${j}u], s${j}, sum);`).join("\n  ")}
  ${earlier.map((j) => `${own(j)} = ${j + 1 < kept ? `s${j + 1}` : "input"};`).join("\n  ")}
  ${at("u", "token", "d")} = silu(sum);
  ${at("z", "token", "d")} = z_sum${bias ? ` + bias[${inner}u + d]` : ""};
}
${product.code}

@compute @workgroup_size(${product.workgroupSize})
fn main(${MAT_VEC_PARAMETERS}) {
  let matrix = 0u;
  let start = workgroup_id.y * ${tileTokens}u;
  let end = min(start + ${tileTokens}u, min(run.tokens, ${capacity}u));
  if (start >= end) { return; }
  ${product.stage}
  ${product.body}
}`,
    workgroups: product.workgroups,
  };
}
