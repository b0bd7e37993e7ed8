/**
 * Something that takes a while and has one result, such as a measurement: what is shown of it, and how it is begun and ended.
 */
import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import { messageOf } from "./format.ts";

/** A task of a page. */
export interface Task<Result, Args extends readonly unknown[]> {
  readonly result: ShallowRef<Result | undefined>;
  readonly busy: ShallowRef<boolean>;
  readonly failure: ShallowRef<string | undefined>;
  /** Begins anew; what was under way ends. Never rejects: see `failure`. */
  run(...args: Args): Promise<void>;
  /** Forgets the result, and ends what is under way. */
  clear(): void;
}

/** Makes a task for the component that is being set up; it ends with that. */
export function useTask<Result, Args extends readonly unknown[]>(
  work: (signal: AbortSignal, ...args: Args) => Promise<Result>,
): Task<Result, Args> {
  const result = shallowRef<Result>();
  const busy = shallowRef(false);
  const failure = shallowRef<string>();
  let controller: AbortController | undefined;

  async function run(...args: Args): Promise<void> {
    clear();
    const own = new AbortController();
    controller = own;
    busy.value = true;
    try {
      const found = await work(own.signal, ...args);
      if (controller === own) result.value = found;
    } catch (error) {
      if (!own.signal.aborted) failure.value = messageOf(error);
    } finally {
      if (controller === own) busy.value = false;
    }
  }

  function clear(): void {
    controller?.abort();
    controller = undefined;
    result.value = undefined;
    failure.value = undefined;
    busy.value = false;
  }

  onScopeDispose(clear);
  return { result, busy, failure, run, clear };
}
