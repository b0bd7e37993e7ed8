/**
 * Where a GGUF file keeps each weight: llama.cpp's names. Experts lie stacked in one tensor, gates and values in two; A is
 * stored as it is used.
 */
import type { ModelConfig } from "../config/config.ts";
import type { LayerKind } from "../config/layer-kind.ts";
import { matrix, smallMatrix, takingTurns, vector, type Weight } from "./weight.ts";
import type { ExpertTable, MambaTable, ModelTable } from "./weight-table.ts";

/** The table. */
export function ggufTable(config: ModelConfig): ModelTable<Weight> {
  const { hidden, vocab, linearBias, finalNorm, tied } = config;
  return {
    // Of one that is nothing else, a token takes one row.
    embedding: { ...matrix("token_embd.weight", [vocab, hidden]), parts: tied ? 1 : vocab },
    output: tied ? undefined : matrix("output.weight", [vocab, hidden]),
    outputBias: linearBias ? vector("output.bias", [vocab]) : undefined,
    finalNorm: {
      weight: vector("output_norm.weight", [hidden]),
      bias: finalNorm === "layer" ? vector("output_norm.bias", [hidden]) : undefined,
    },
    layers: config.layers.map((kind, index) => layerTable(config, kind, `blk.${index}`)),
  };
}

function layerTable(config: ModelConfig, { mamba, experts }: LayerKind, layer: string) {
  const norm = (name: string) => vector(`${layer}.${name}.weight`, [config.hidden]);
  return {
    mamba: mamba ? { norm: norm("attn_norm"), mixer: mambaTable(config, layer) } : undefined,
    // Experts that stand beside a Mamba have a norm of their own.
    experts: experts
      ? { norm: norm(mamba ? "ffn_norm" : "attn_norm"), mixer: expertTable(config, experts, layer) }
      : undefined,
  };
}

function mambaTable(config: ModelConfig, at: string): MambaTable<Weight>["mixer"] {
  const { hidden, inner, state, taps, dtRank, projectionBias } = config;
  return {
    inProj: matrix(`${at}.ssm_in.weight`, [2 * inner, hidden]),
    inProjBias: projectionBias ? vector(`${at}.ssm_in.bias`, [2 * inner]) : undefined,
    conv: vector(`${at}.ssm_conv1d.weight`, [inner, taps]),
    convBias: vector(`${at}.ssm_conv1d.bias`, [inner]),
    xProj: matrix(`${at}.ssm_x.weight`, [dtRank + 2 * state, inner]),
    dtProj: smallMatrix(`${at}.ssm_dt.weight`, [inner, dtRank]),
    dtProjBias: vector(`${at}.ssm_dt.bias`, [inner]),
    A: vector(`${at}.ssm_a`, [inner, state]),
    D: vector(`${at}.ssm_d`, [inner]),
    outProj: matrix(`${at}.ssm_out.weight`, [hidden, inner]),
    outProjBias: projectionBias ? vector(`${at}.ssm_out.bias`, [hidden]) : undefined,
  };
}

function expertTable(config: ModelConfig, experts: number, at: string): ExpertTable<Weight>["mixer"] {
  const { hidden, ffn, gated, linearBias } = config;
  const [stack, suffix] = experts > 1 ? [[experts], "_exps"] : [[], ""];
  /** Each expert's gate, then its values. */
  const up = (make: (name: string) => Weight, ending: string) =>
    gated
      ? takingTurns([make(`${at}.ffn_gate${suffix}.${ending}`), make(`${at}.ffn_up${suffix}.${ending}`)], experts)
      : { ...make(`${at}.ffn_up${suffix}.${ending}`), parts: experts };
  return {
    up: up((name) => matrix(name, [...stack, ffn, hidden]), "weight"),
    upBias: linearBias ? up((name) => vector(name, [...stack, ffn]), "bias") : undefined,
    down: { ...matrix(`${at}.ffn_down${suffix}.weight`, [...stack, hidden, ffn]), parts: experts },
    downBias: linearBias
      ? { ...vector(`${at}.ffn_down${suffix}.bias`, [...stack, hidden]), parts: experts }
      : undefined,
    router:
      experts > 1
        ? {
            weight: smallMatrix(`${at}.ffn_gate_inp.weight`, [experts, hidden]),
            bias: vector(`${at}.ffn_gate_inp.bias`, [experts]),
          }
        : undefined,
  };
}
