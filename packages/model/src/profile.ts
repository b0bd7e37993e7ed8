/**
 * Where the time of a forward pass goes: each kernel call timed by the device, and the whole.
 */
import { type Device, DeviceError, type KernelTime } from "@blackmamba/tensor";
import type { Engine, Sequence } from "./forward/engine.ts";

/** Options of `model.profile`. */
export interface ProfileOptions {
  /** Tokens of one sequence that are computed together: 1 for a step of decoding, up to 256 for a chunk of a prompt. Default 1. */
  readonly tokens?: number | undefined;
  /** Steps that are timed as a whole; the longer, the less the clock's grain matters. Default 1. */
  readonly steps?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where the time of a forward pass goes. */
export interface ForwardProfile {
  readonly tokens: number;
  /** Kernel calls of a step. */
  readonly dispatches: number;
  /** Each call by itself, in order; empty where the adapter has no clock. */
  readonly kernels: readonly KernelTime[];
  /** µs of a step as a whole by the device's own clock, with what lies between two calls; `undefined` without a clock. */
  readonly stepUs: number | undefined;
}

/** Times the forward pass from the sequence's state on. */
export async function profileForward(
  engine: Engine,
  device: Device,
  sequence: Sequence,
  { tokens = 1, steps = 1, signal }: ProfileOptions,
): Promise<ForwardProfile> {
  return engine.withPrograms(sequence, tokens, async (programs) => {
    const dispatches = programs.reduce((sum, { callCount }) => sum + callCount, 0);
    try {
      const kernels = await device.profile(programs, { tokens });
      signal?.throwIfAborted();
      const stepUs = (await device.time(programs, { tokens, times: steps })) / steps;
      return { tokens, dispatches, kernels, stepUs };
    } catch (error) {
      // Not every adapter can tell the time.
      if (!(error instanceof DeviceError)) throw error;
      return { tokens, dispatches, kernels: [], stepUs: undefined };
    }
  });
}
