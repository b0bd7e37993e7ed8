/**
 * What a sequence carries from token to token: the same bytes at any length.
 */
import { createMambaState, type MambaState } from "@blackmamba/ssm";
import type { Tensor, TensorAllocator } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { mambaSizes } from "./scratch.ts";

/** The state of every layer; `undefined` for a layer without Mamba. */
export type LayerStates = readonly (MambaState | undefined)[];

/** Allocates the empty states of so many sequences for every Mamba layer. */
export function createLayerStates(allocator: TensorAllocator, config: ModelConfig, slots = 1): LayerStates {
  return config.layers.map(({ mamba }, index) =>
    mamba ? createMambaState(allocator, mambaSizes(config), `layer ${index}`, slots) : undefined,
  );
}

/** All tensors of a state, in a fixed order. */
export function stateTensors(states: LayerStates): Tensor[] {
  return states.flatMap((state) => (state ? [state.conv, state.ssm] : [])).filter((tensor) => tensor !== undefined);
}
