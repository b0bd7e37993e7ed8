/**
 * Which tensors a checkpoint of a configuration holds. Not here: what is in them.
 */
import type { ModelConfig } from "../config/config.ts";
import { weightsOf, weightTable } from "./weight-table.ts";

/** A tensor that a checkpoint holds. */
export interface StoredTensor {
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
}

/**
 * The tensors of a checkpoint, but for optional ones: the embedding first, then the layers, then what follows them, as the
 * published files have it.
 *
 * @param config - as `parseConfig` gives it
 */
export function storedTensors(config: ModelConfig): StoredTensor[] {
  const { embedding, layers, ...last } = weightTable(config);
  return weightsOf({ embedding, layers, ...last }).flatMap(({ names, shape, optional }) =>
    optional ? [] : names.map((name) => ({ name, shape })),
  );
}
