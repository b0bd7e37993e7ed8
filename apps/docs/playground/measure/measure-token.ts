/**
 * What a token costs a model: the time of each kernel, and the memory on the device.
 */
import type { BlackMamba, ForwardProfile } from "@blackmamba/model/worker";

/** Measured of one model. */
export interface Measurements {
  readonly profile: ForwardProfile;
  readonly allocatedByteLength: number;
}

/** Measures one token. */
export async function measureToken(signal: AbortSignal, model: BlackMamba): Promise<Measurements> {
  // Before the profile, which has programs of its own.
  const { allocatedByteLength } = await model.memory();
  return { profile: await model.profile({ signal }), allocatedByteLength };
}
