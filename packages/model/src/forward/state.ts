/**
 * What a sequence carries from token to token: the same bytes at any length.
 */
import { createMambaStates, type MambaState } from "@blackmamba/ssm";
import type { Device, Tensor } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { mambaSizes } from "./scratch.ts";

/** The states of so many sequences, each in a slot of its own. */
export interface SequenceState {
  /** By layer; `undefined` for a layer without Mamba. */
  readonly layers: readonly (MambaState | undefined)[];
  /** f32 [slots, hidden]: what the last layer made of the last token, which the logits of the next are computed from. */
  readonly residual: Tensor;
}

/** Allocates the empty states of so many sequences. */
export function createSequenceState(
  allocator: Pick<Device, "createTensor" | "createTensors">,
  config: ModelConfig,
  slots = 1,
): SequenceState {
  const labels = config.layers.flatMap(({ mamba }, index) => (mamba ? [`layer ${index}`] : []));
  const states = createMambaStates(allocator, mambaSizes(config), labels, slots).values();
  return {
    layers: config.layers.map(({ mamba }) => (mamba ? states.next().value : undefined)),
    residual: allocator.createTensor("f32", [slots, config.hidden], "residual"),
  };
}

/** All tensors of a state, in a fixed order. */
export function stateTensors({ layers, residual }: SequenceState): Tensor[] {
  const own = layers.flatMap((state) => (state ? [state.conv, state.ssm] : []));
  return [...own.filter((tensor) => tensor !== undefined), residual];
}
