/**
 * Where the time of a forward pass goes: each kernel call timed by the device, and the whole.
 */
import { type Device, DeviceError, type KernelTime, type PreparedProgram } from "@blackmamba/tensor";
import { OptionError } from "./errors.ts";
import type { Engine } from "./forward/engine.ts";
import type { Sequence } from "./forward/sequence.ts";
import type { ModelState } from "./model-state.ts";

/** Options of `model.profile`. */
export interface ProfileOptions {
  /** Tokens of one sequence that are computed together: 1 for a step of decoding, up to `model.prefillChunk` of a prompt. Default 1. */
  readonly tokens?: number | undefined;
  /** Sequences that decode together, one token each; then `tokens` is 1. Default 1. */
  readonly sequences?: number | undefined;
  /**
   * Times its next tokens, not those of an empty state. It takes ids of no text by that, so it is good for more measuring, and
   * nothing else. Not with several sequences.
   */
  readonly state?: ModelState | undefined;
  /** Steps that are timed as a whole; the longer, the less the clock's grain matters. Default 1. */
  readonly steps?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where the time of a forward pass goes. */
export interface ForwardProfile {
  /** Tokens of a step: of one sequence, or one of each. */
  readonly tokens: number;
  /** What the device is asked to do for a step: kernel calls, several of which may run as one. */
  readonly dispatches: number;
  /** Each kernel call by itself, in order; empty where the adapter has no clock. */
  readonly kernels: readonly KernelTime[];
  /** µs of a step as a whole by the device's own clock, with what lies between two calls; `undefined` without a clock. */
  readonly stepUs: number | undefined;
}

/** Times the forward pass from the sequence's state on, or from those of several sequences before their first token. */
export async function profileForward(
  engine: Engine,
  device: Device,
  sequence: Sequence,
  { tokens = 1, sequences = 1, state, steps = 1, signal }: ProfileOptions,
): Promise<ForwardProfile> {
  if (!Number.isInteger(sequences) || sequences < 1) {
    throw new OptionError("sequences", "a whole number of at least 1", sequences);
  }
  if (sequences > 1 && tokens !== 1) throw new OptionError("tokens", "1 with several sequences", tokens);
  if (sequences > 1 && state) throw new OptionError("state", "none with several sequences", "one");
  const profile = (programs: readonly PreparedProgram[], layers: readonly PreparedProgram[]) =>
    profilePrograms(device, programs, layers, { tokens: Math.max(tokens, sequences), steps, signal });
  return sequences > 1 ? engine.withGroupPrograms(sequences, profile) : engine.withPrograms(sequence, tokens, profile);
}

async function profilePrograms(
  device: Device,
  programs: readonly PreparedProgram[],
  layers: readonly PreparedProgram[],
  {
    tokens,
    steps,
    signal,
  }: { readonly tokens: number; readonly steps: number; readonly signal?: AbortSignal | undefined },
): Promise<ForwardProfile> {
  const dispatches = programs.reduce((sum, { dispatchCount }) => sum + dispatchCount, 0);
  try {
    const kernels = await device.profile(layers, { tokens });
    signal?.throwIfAborted();
    const stepUs = (await device.time(programs, { tokens, times: steps })) / steps;
    return { tokens, dispatches, kernels, stepUs };
  } catch (error) {
    // Not every adapter can tell the time.
    if (!(error instanceof DeviceError)) throw error;
    return { tokens, dispatches, kernels: [], stepUs: undefined };
  }
}
