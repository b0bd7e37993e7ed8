/**
 * A golden checkpoint as a GGUF file, as llama.cpp would name its parts. It shares no code with what reads it.
 */
import { decodeTensor, openCheckpoint } from "@blackmamba/checkpoint";
import { type GgufTensor, ggufFile, type TypedValue } from "@blackmamba/testing";
import type { ModelParts } from "../source/open-model.ts";
import type { PlainConfig } from "./plain-model.ts";

/** Which type tensors of two dimensions and more have: ggml's numbers. */
const MATRIX_TYPES = { f32: 0, bf16: 30 };

/** The model's file, in one part and with nothing beside it. */
export async function goldenGguf(
  { config: json, weights }: ModelParts,
  type: keyof typeof MATRIX_TYPES,
  others: Readonly<Record<string, TypedValue>> = {},
): Promise<ModelParts> {
  const config = (json instanceof Uint8Array ? JSON.parse(new TextDecoder().decode(json)) : json) as PlainConfig;
  const checkpoint = await openCheckpoint(weights as Uint8Array);
  const read = async (name: string) => {
    const tensor = checkpoint.tensors.get(name);
    return tensor && { shape: tensor.shape, values: await decodeTensor(tensor) };
  };
  const tensors: GgufTensor[] = [];
  const add = (name: string, tensor: Awaited<ReturnType<typeof read>>, shape = tensor?.shape ?? []) => {
    if (!tensor) return;
    const isMatrix = type === "bf16" && shape.length > 1 && name.endsWith("weight") && !name.includes("conv1d");
    const bytes = isMatrix
      ? new Uint8Array(Uint16Array.from(new Uint32Array(tensor.values.slice().buffer), (bits) => bits >>> 16).buffer)
      : new Uint8Array(tensor.values.slice().buffer);
    tensors.push({ name, type: isMatrix ? MATRIX_TYPES[type] : 0, sizes: [...shape].reverse(), bytes });
  };
  add("token_embd.weight", await read("embedding.word_embeddings.weight"));
  add("output.bias", await read("output_layer.bias"));
  for (const part of ["weight", "bias"]) add(`output_norm.${part}`, await read(`decoder.final_layernorm.${part}`));

  for (const [i, entry] of config.mamba_moe_layers.entries()) {
    const [from, to] = [`decoder.layers.${i}`, `blk.${i}`];
    add(`${to}.attn_norm.weight`, await read(`${from}.norm.weight`));
    add(`${to}.ffn_norm.weight`, await read(`${from}.norm_moe.weight`));
    if (entry.startsWith("r")) {
      for (const [own, other] of Object.entries({
        in_proj: "ssm_in",
        x_proj: "ssm_x",
        dt_proj: "ssm_dt",
        out_proj: "ssm_out",
      })) {
        for (const part of ["weight", "bias"])
          add(`${to}.${other}.${part}`, await read(`${from}.mixer.${own}.${part}`));
      }
      const conv = await read(`${from}.mixer.conv1d.weight`);
      add(`${to}.ssm_conv1d.weight`, conv, [conv?.shape[0] ?? 0, conv?.shape[2] ?? 0]);
      add(`${to}.ssm_conv1d.bias`, await read(`${from}.mixer.conv1d.bias`));
      const A = await read(`${from}.mixer.A_log`);
      add(`${to}.ssm_a`, A && { ...A, values: A.values.map((value) => -Math.exp(value)) });
      add(`${to}.ssm_d`, await read(`${from}.mixer.D`));
    }
    const experts = Number(entry.replace("r", "") || 0);
    const mixer = entry.startsWith("r") ? `${from}.moe` : `${from}.mixer`;
    for (const part of ["weight", "bias"]) add(`${to}.ffn_gate_inp.${part}`, await read(`${mixer}.router.${part}`));
    const suffix = experts > 1 ? "_exps" : "";
    for (const part of ["weight", "bias"]) {
      for (const matrix of ["linear_fc1", "linear_fc2"]) {
        const own = await Promise.all(
          Array.from({ length: experts }, (_, e) =>
            read(`${mixer}.${experts > 1 ? `local_experts.${e}.` : ""}${matrix}.${part}`),
          ),
        );
        const [first] = own;
        if (!first) continue;
        const stacked = (name: string, take: (values: Float32Array) => Float32Array, rows: number) => {
          const values = Float32Array.from(own.flatMap((expert) => [...take(expert?.values ?? new Float32Array())]));
          const shape = [...(experts > 1 ? [experts] : []), rows, ...first.shape.slice(1)];
          add(`${to}.${name}${suffix}.${part}`, { shape, values });
        };
        const [rows] = first.shape as [number];
        if (matrix === "linear_fc2") stacked("ffn_down", (values) => values, rows);
        else if (!config.swiglu) stacked("ffn_up", (values) => values, rows);
        else {
          stacked("ffn_gate", (values) => values.subarray(0, values.length / 2), rows / 2);
          stacked("ffn_up", (values) => values.subarray(values.length / 2), rows / 2);
        }
      }
    }
  }
  const values: Record<string, TypedValue> = {
    ...others,
    "general.architecture": [8, "blackmamba"],
    "blackmamba.block_count": [4, config.num_layers],
    "blackmamba.context_length": [4, 2048],
    "blackmamba.embedding_length": [4, config.hidden_size],
    "blackmamba.attention.head_count": [4, 0],
    "blackmamba.attention.layer_norm_rms_epsilon": [6, 1e-5],
    "blackmamba.ssm.conv_kernel": [4, config.conv_dimension],
    "blackmamba.ssm.inner_size": [4, config.expansion_factor * config.hidden_size],
    "blackmamba.ssm.state_size": [4, config.state_size],
    "blackmamba.ssm.time_step_rank": [4, Math.ceil(config.hidden_size / 16)],
    ...(config.routing_mode === "top1" && { "blackmamba.expert_gating_func": [4, 1] as const }),
  };
  return { weights: new File([ggufFile({ values, tensors }) as BlobPart], "golden.gguf") };
}
