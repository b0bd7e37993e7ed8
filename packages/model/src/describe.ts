/**
 * What a model is, read from its files without loading the weights.
 */
import { type CheckpointTensor, requireTensor } from "@blackmamba/checkpoint";
import type { ModelConfig } from "./config/config.ts";
import { describeLayerKind } from "./config/layer-kind.ts";
import { countParameters, type ParameterCount } from "./parameters.ts";
import type { FetchOptions } from "./source/locate.ts";
import { type ModelSource, openModel } from "./source/open-model.ts";
import { byteLength, checkWeights, presentWeights } from "./weights/load-weights.ts";
import type { Weight } from "./weights/weight.ts";
import { weightTable } from "./weights/weight-table.ts";

/** A model's description. */
export interface ModelDescription {
  readonly name: string;
  readonly config: ModelConfig;
  readonly parameters: ParameterCount;
  /** Bytes of all weights. */
  readonly byteLength: number;
  readonly layers: readonly LayerDescription[];
  /** How many tensors have each dtype. */
  readonly dtypes: Readonly<Record<string, number>>;
  /** The weights' file. */
  readonly weightsName: string;
  readonly hasTokenizer: boolean;
}

/** One layer of a {@link ModelDescription}. */
export interface LayerDescription {
  readonly index: number;
  /** As in `mamba_moe_layers`. */
  readonly kind: string;
  /** The kind in words. */
  readonly description: string;
  readonly parameters: number;
  readonly activeParameters: number;
  readonly byteLength: number;
}

/**
 * Describes a model. Reads its configuration and the table of its tensors, and checks that they belong together.
 *
 * @throws the same errors as `BlackMamba.load`, those about devices excepted
 */
export async function describeModel(source: ModelSource, options: FetchOptions = {}): Promise<ModelDescription> {
  const { name, config, checkpoint, tokenizer } = await openModel(source, options);
  try {
    const table = weightTable(config);
    checkWeights(checkpoint, table);
    const stored = (weights: readonly Weight[]): CheckpointTensor[] =>
      weights.flatMap(({ names }) => names.map((tensor) => requireTensor(checkpoint, tensor)));
    const bytesOf = (weights: readonly Weight[]) =>
      stored(weights).reduce((sum, tensor) => sum + byteLength(tensor), 0);

    const all = presentWeights(checkpoint, table);
    return {
      name,
      config,
      parameters: countParameters(all),
      byteLength: bytesOf(all),
      layers: config.layers.map((kind, index) => {
        const weights = presentWeights(checkpoint, table.layers[index] ?? {});
        const { total, active } = countParameters(weights);
        return {
          index,
          kind: kind.entry,
          description: describeLayerKind(kind),
          parameters: total,
          activeParameters: active,
          byteLength: bytesOf(weights),
        };
      }),
      dtypes: countDTypes(stored(all)),
      weightsName: checkpoint.name,
      hasTokenizer: tokenizer !== undefined,
    };
  } finally {
    await checkpoint.close();
  }
}

/** How many tensors have each dtype. */
export function countDTypes(tensors: readonly CheckpointTensor[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { dtype } of tensors) counts[dtype] = (counts[dtype] ?? 0) + 1;
  return counts;
}
