/**
 * What a model's step costs: the time of each kernel, and the memory on the device.
 */
import type { BlackMamba, ForwardProfile } from "@blackmamba/model/worker";
import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import { messageOf } from "../model/use-model.ts";

/** Measured of one model. */
export interface Measurements {
  readonly profile: ForwardProfile;
  readonly allocatedByteLength: number;
}

/** The page's measurements, and how they are taken. */
export interface MeasurementsHandle {
  readonly measurements: ShallowRef<Measurements | undefined>;
  readonly busy: ShallowRef<boolean>;
  readonly failure: ShallowRef<string | undefined>;
  /** Measures one token. Never rejects: see `failure`. */
  measure(model: BlackMamba): Promise<void>;
  clear(): void;
}

/** Makes the page's measurements, for the component that is being set up. */
export function useMeasurements(): MeasurementsHandle {
  const measurements = shallowRef<Measurements>();
  const busy = shallowRef(false);
  const failure = shallowRef<string>();
  let controller: AbortController | undefined;

  const measure: MeasurementsHandle["measure"] = async (model) => {
    clear();
    const own = new AbortController();
    controller = own;
    busy.value = true;
    try {
      const { allocatedByteLength } = await model.memory();
      const profile = await model.profile({ signal: own.signal });
      if (controller === own) measurements.value = { profile, allocatedByteLength };
    } catch (error) {
      if (!own.signal.aborted) failure.value = messageOf(error);
    } finally {
      if (controller === own) busy.value = false;
    }
  };

  function clear(): void {
    controller?.abort();
    controller = undefined;
    measurements.value = undefined;
    failure.value = undefined;
    busy.value = false;
  }

  onScopeDispose(clear);
  return { measurements, busy, failure, measure, clear };
}
