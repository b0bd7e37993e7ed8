/**
 * Which expert each token took in each layer, out of a trace.
 */
import type { Trace } from "@blackmamba/model/worker";

/** The routes through one layer. */
export interface LayerRoutes {
  /** Among all layers, from 0. */
  readonly layer: number;
  readonly experts: number;
  /** [tokens]: the expert that each token took. */
  readonly chosen: Uint32Array;
  /** [tokens]: what the expert's result was multiplied by. */
  readonly gates: Float32Array;
  /** [experts]: tokens that each expert got. */
  readonly load: readonly number[];
}

/** The routes of all layers that have a choice. */
export function routesOf({ layers }: Trace): LayerRoutes[] {
  return layers.flatMap(({ routes }, layer) => {
    if (!routes) return [];
    const { experts: chosen, gates, logits } = routes;
    const experts = logits.length / chosen.length;
    const load = new Array<number>(experts).fill(0);
    for (const expert of chosen) load[expert] = (load[expert] as number) + 1;
    return [{ layer, experts, chosen, gates, load }];
  });
}
