/**
 * Tensors of the names and shapes of the published 1.5B checkpoint, without their values: 1.458e9 elements of bfloat16 in
 * 2.92 GB. For tests at full size.
 */

import type { TorchTensor } from "../torch/tensor-opcodes.ts";

const HIDDEN = 1152;
const INNER = 2 * HIDDEN;
const STATE = 16;
const DT_RANK = 72;
const CONV = 4;
const FFN = 3072;
const VOCAB = 50304;
const EXPERTS = 8;
/** Mamba and mixture-of-experts layers in turn. */
const LAYERS = 30;

/** Every tensor, each in a storage of its own. */
export function publishedTensors(): TorchTensor[] {
  const shapes: (readonly [name: string, shape: readonly number[]])[] = [
    ["embedding.word_embeddings.weight", [VOCAB, HIDDEN]],
    ["decoder.final_layernorm.weight", [HIDDEN]],
    ["decoder.final_layernorm.bias", [HIDDEN]],
  ];
  for (let layer = 0; layer < LAYERS; layer++) {
    const prefix = `decoder.layers.${layer}`;
    shapes.push([`${prefix}.norm.weight`, [HIDDEN]]);
    const mixer = layer % 2 === 0 ? mambaShapes() : expertShapes();
    for (const [name, shape] of mixer) shapes.push([`${prefix}.mixer.${name}`, shape]);
  }
  return shapes.map(([name, shape], index) => ({ name, shape, storage: String(index) }));
}

function mambaShapes(): (readonly [string, readonly number[]])[] {
  return [
    ["in_proj.weight", [2 * INNER, HIDDEN]],
    ["conv1d.weight", [INNER, 1, CONV]],
    ["conv1d.bias", [INNER]],
    ["x_proj.weight", [DT_RANK + 2 * STATE, INNER]],
    ["dt_proj.weight", [INNER, DT_RANK]],
    ["dt_proj.bias", [INNER]],
    ["A_log", [INNER, STATE]],
    ["D", [INNER]],
    ["out_proj.weight", [HIDDEN, INNER]],
  ];
}

function expertShapes(): (readonly [string, readonly number[]])[] {
  const shapes: (readonly [string, readonly number[]])[] = [
    ["router.weight", [EXPERTS, HIDDEN]],
    ["router.bias", [EXPERTS]],
  ];
  for (let expert = 0; expert < EXPERTS; expert++) {
    shapes.push([`local_experts.${expert}.linear_fc1.weight`, [2 * FFN, HIDDEN]]);
    shapes.push([`local_experts.${expert}.linear_fc2.weight`, [HIDDEN, FFN]]);
  }
  return shapes;
}
