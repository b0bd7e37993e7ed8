/**
 * Where the time of a token goes, by kernel, out of a profile.
 */
import type { ForwardProfile } from "@blackmamba/model/worker";

/** All calls of one kernel. */
export interface KernelShare {
  readonly kernel: string;
  readonly calls: number;
  readonly durationUs: number;
}

/** The kernels of a step, the longest first. */
export function kernelShares({ kernels }: ForwardProfile): KernelShare[] {
  const shares = new Map<string, KernelShare>();
  for (const { kernel, durationUs } of kernels) {
    const before = shares.get(kernel) ?? { kernel, calls: 0, durationUs: 0 };
    shares.set(kernel, { kernel, calls: before.calls + 1, durationUs: before.durationUs + durationUs });
  }
  return [...shares.values()].sort((a, b) => b.durationUs - a.durationUs);
}
