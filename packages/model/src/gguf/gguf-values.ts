/**
 * A model's configuration as the metadata of a GGUF file, in llama.cpp's words.
 */
import type { GgufValue } from "@blackmamba/checkpoint";
import type { ModelConfig } from "../config/config.ts";

/** llama.cpp's numbers for how logits of a router become gates. */
export const GGUF_GATINGS: Readonly<Record<ModelConfig["gating"], number>> = { softmax: 1, sigmoid: 2 };

/** The metadata, but for a tokenizer's. */
export function ggufValues(config: ModelConfig): Map<string, GgufValue> {
  const { hidden, inner, state, taps, dtRank, ffn, vocab, layers, gating, finalNorm, epsilon, trainedLength } = config;
  const experts = Math.max(...layers.map((layer) => layer.experts));
  // A plain Mamba is one that others know as such.
  const architecture = experts === 0 && finalNorm === "rms" ? "mamba" : "blackmamba";
  const own: Record<string, GgufValue> = {
    block_count: layers.length,
    ...(trainedLength !== undefined && { context_length: trainedLength }),
    embedding_length: hidden,
    vocab_size: vocab,
    "attention.head_count": 0,
    "attention.layer_norm_rms_epsilon": epsilon,
    ...(finalNorm === "layer" && { "attention.layer_norm_epsilon": epsilon }),
    feed_forward_length: experts === 0 ? 0 : Uint32Array.from(layers, (layer) => (layer.experts > 0 ? ffn : 0)),
    ...(experts > 1 && {
      expert_feed_forward_length: ffn,
      expert_count: experts,
      expert_used_count: 1,
      expert_gating_func: GGUF_GATINGS[gating],
    }),
    "ssm.conv_kernel": taps,
    "ssm.inner_size": inner,
    "ssm.state_size": state,
    "ssm.time_step_rank": dtRank,
  };
  return new Map<string, GgufValue>([
    ["general.architecture", architecture],
    ...Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value] as const),
  ]);
}
