/**
 * The one table from a checkpoint's names to the layers' weights.
 */
import type { ExpertWeights, RouterWeights } from "@blackmamba/moe";
import type { MambaWeights } from "@blackmamba/ssm";
import type { Layout, ModelConfig } from "../config/config.ts";
import type { LayerKind } from "../config/layer-kind.ts";
import { ggufTable } from "./gguf-table.ts";
import { matrix, smallMatrix, stack, vector, type Weight } from "./weight.ts";

/** The same structure with something else in each place: `Weight` before loading, `Tensor` after. */
type Each<W, T> = { readonly [K in keyof W]: T | Extract<W[K], undefined> };

/** A Mamba mixer with its norm. */
export interface MambaTable<T> {
  readonly norm: T;
  readonly mixer: Each<Omit<MambaWeights, "norm">, T>;
}

/** Experts with their norm. */
export interface ExpertTable<T> {
  readonly norm: T;
  readonly mixer: Each<Omit<ExpertWeights, "router" | "norm">, T> & {
    readonly router?: Each<Omit<RouterWeights, "gating">, T> | undefined;
  };
}

/** Every weight of a model. */
export interface ModelTable<T> {
  /** `[vocab, hidden]`: also the output layer, unless that has a matrix of its own */
  readonly embedding: T;
  /** `[vocab, hidden]` */
  readonly output?: T | undefined;
  /** [vocab] */
  readonly outputBias?: T | undefined;
  /** A LayerNorm has a bias, an RMSNorm has none. */
  readonly finalNorm: { readonly weight: T; readonly bias?: T | undefined };
  readonly layers: readonly {
    readonly mamba?: MambaTable<T> | undefined;
    readonly experts?: ExpertTable<T> | undefined;
  }[];
}

/** What each layout calls what is not within a mixer. */
const NAMES: Readonly<Record<Exclude<Layout, "gguf">, { embedding: string; finalNorm: string; layers: string }>> = {
  blackmamba: {
    embedding: "embedding.word_embeddings.weight",
    finalNorm: "decoder.final_layernorm",
    layers: "decoder.layers",
  },
  "state-spaces": {
    embedding: "backbone.embedding.weight",
    finalNorm: "backbone.norm_f",
    layers: "backbone.layers",
  },
  transformers: {
    embedding: "backbone.embeddings.weight",
    finalNorm: "backbone.norm_f",
    layers: "backbone.layers",
  },
};

/** The output layer's matrix, where there is one. */
const OUTPUT = "lm_head.weight";

/** Where a checkpoint of this configuration keeps each weight, and of what shape. */
export function weightTable(config: ModelConfig): ModelTable<Weight> {
  const { hidden, vocab, linearBias, finalNorm, tied } = config;
  if (config.layout === "gguf") return ggufTable(config);
  const names = NAMES[config.layout];
  return {
    // Of one that is nothing else, a token takes one row.
    embedding: { ...matrix(names.embedding, [vocab, hidden]), parts: tied ? 1 : vocab },
    output: tied ? undefined : matrix(OUTPUT, [vocab, hidden]),
    outputBias: linearBias ? vector("output_layer.bias", [vocab]) : undefined,
    finalNorm: {
      weight: vector(`${names.finalNorm}.weight`, [hidden]),
      bias: finalNorm === "layer" ? vector(`${names.finalNorm}.bias`, [hidden]) : undefined,
    },
    layers: config.layers.map((kind, index) => layerTable(config, kind, `${names.layers}.${index}`)),
  };
}

/** Tensors that a checkpoint may have and that a model of this configuration has no use for: copies of others. */
export function redundantNames({ layout, tied }: ModelConfig): readonly string[] {
  return tied && (layout === "state-spaces" || layout === "transformers") ? [OUTPUT] : [];
}

function layerTable(config: ModelConfig, { mamba, experts }: LayerKind, layer: string) {
  // In the parallel kinds the experts stand beside the mixer, under names of their own.
  const [norm, mixer] = mamba ? ["norm_moe", "moe"] : ["norm", "mixer"];
  return {
    mamba: mamba
      ? { norm: vector(`${layer}.norm.weight`, [config.hidden]), mixer: mambaTable(config, `${layer}.mixer`) }
      : undefined,
    experts: experts
      ? {
          norm: vector(`${layer}.${norm}.weight`, [config.hidden]),
          mixer: expertTable(config, experts, `${layer}.${mixer}`),
        }
      : undefined,
  };
}

function mambaTable(config: ModelConfig, at: string): MambaTable<Weight>["mixer"] {
  const { hidden, inner, state, taps, dtRank, projectionBias, linearBias } = config;
  // The specification ties these biases to `bias`; the released loader to `add_bias_linear`. Where the two flags
  // disagree, the checkpoint decides.
  const bias = (name: string, size: number) =>
    projectionBias || linearBias ? { ...vector(name, [size]), optional: projectionBias !== linearBias } : undefined;
  return {
    inProj: matrix(`${at}.in_proj.weight`, [2 * inner, hidden]),
    inProjBias: bias(`${at}.in_proj.bias`, 2 * inner),
    conv: vector(`${at}.conv1d.weight`, [inner, 1, taps], [inner, taps]),
    convBias: vector(`${at}.conv1d.bias`, [inner]),
    xProj: matrix(`${at}.x_proj.weight`, [dtRank + 2 * state, inner]),
    dtProj: smallMatrix(`${at}.dt_proj.weight`, [inner, dtRank]),
    dtProjBias: vector(`${at}.dt_proj.bias`, [inner]),
    A: { ...vector(`${at}.A_log`, [inner, state]), form: "-exp" },
    D: vector(`${at}.D`, [inner]),
    outProj: matrix(`${at}.out_proj.weight`, [hidden, inner]),
    outProjBias: bias(`${at}.out_proj.bias`, hidden),
  };
}

function expertTable(config: ModelConfig, experts: number, at: string): ExpertTable<Weight>["mixer"] {
  const { hidden, ffn, gated, linearBias } = config;
  const width = gated ? 2 * ffn : ffn;
  const each = (make: (at: string) => Weight): Weight =>
    experts === 1
      ? make(at)
      : stack(Array.from({ length: experts }, (_, expert) => make(`${at}.local_experts.${expert}`)));
  return {
    up: each((expert) => matrix(`${expert}.linear_fc1.weight`, [width, hidden])),
    upBias: linearBias ? each((expert) => vector(`${expert}.linear_fc1.bias`, [width])) : undefined,
    down: each((expert) => matrix(`${expert}.linear_fc2.weight`, [hidden, ffn])),
    downBias: linearBias ? each((expert) => vector(`${expert}.linear_fc2.bias`, [hidden])) : undefined,
    router:
      experts > 1
        ? {
            weight: smallMatrix(`${at}.router.weight`, [experts, hidden]),
            bias: vector(`${at}.router.bias`, [experts]),
          }
        : undefined,
  };
}

/** The weights of a table or of a part of one, in the order of the layers. */
export function weightsOf(table: object): Weight[] {
  return Object.values(table).flatMap((node: unknown) => {
    if (typeof node !== "object" || node === null) return [];
    return "names" in node ? [node as Weight] : weightsOf(node);
  });
}
