/**
 * What a sequence carries from token to token: the same bytes at any length.
 */
import { createMambaStates, type MambaState } from "@blackmamba/ssm";
import type { Device, Tensor } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { mambaSizes } from "./scratch.ts";

/** The state of every layer; `undefined` for a layer without Mamba. */
export type LayerStates = readonly (MambaState | undefined)[];

/** Allocates the empty states of so many sequences for every Mamba layer. */
export function createLayerStates(
  allocator: Pick<Device, "createTensors">,
  config: ModelConfig,
  slots = 1,
): LayerStates {
  const labels = config.layers.flatMap(({ mamba }, index) => (mamba ? [`layer ${index}`] : []));
  const states = createMambaStates(allocator, mambaSizes(config), labels, slots).values();
  return config.layers.map(({ mamba }) => (mamba ? states.next().value : undefined));
}

/** All tensors of a state, in a fixed order. */
export function stateTensors(states: LayerStates): Tensor[] {
  return states.flatMap((state) => (state ? [state.conv, state.ssm] : [])).filter((tensor) => tensor !== undefined);
}
