/**
 * The model of a page: at most one, in a worker, loaded when it is asked for and given back with the page.
 */
import { BlackMamba } from "@blackmamba/model/worker";
import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import { messageOf } from "../format.ts";
import { type ModelChoice, nameOf, sourceOf } from "./model-choice.ts";

/** How the model is to run. */
export interface RunOptions {
  readonly device: "auto" | "webgpu" | "cpu";
  readonly quantize?: "q8_0" | "q4_0" | undefined;
}

/** How far loading has come. */
export interface LoadingState {
  readonly name: string;
  readonly doneBytes: number;
  /** 0 until it is known. */
  readonly totalBytes: number;
}

/** A model that is loaded. */
export interface LoadedModel {
  readonly name: string;
  readonly model: BlackMamba;
  readonly loadMs: number;
}

/** The page's model, and what can be done with it. */
export interface ModelHandle {
  readonly loaded: ShallowRef<LoadedModel | undefined>;
  readonly loading: ShallowRef<LoadingState | undefined>;
  readonly failure: ShallowRef<string | undefined>;
  /** Something that went otherwise than was asked for, such as a GPU that went away. */
  readonly notice: ShallowRef<string | undefined>;
  /** Loads a model in place of the one before. Never rejects: see `failure`. */
  load(choice: ModelChoice, options: RunOptions): Promise<void>;
  /** Ends loading. */
  cancel(): void;
}

/** Makes the page's model, for the component that is being set up. `siteUrl` is asked for when it is needed: in the browser. */
export function useModel(siteUrl: () => string): ModelHandle {
  const loaded = shallowRef<LoadedModel>();
  const loading = shallowRef<LoadingState>();
  const failure = shallowRef<string>();
  const notice = shallowRef<string>();
  let controller: AbortController | undefined;

  async function unload(): Promise<void> {
    const before = loaded.value;
    loaded.value = undefined;
    await before?.model.dispose();
  }

  async function load(choice: ModelChoice, { device, quantize }: RunOptions): Promise<void> {
    controller?.abort();
    const own = new AbortController();
    controller = own;
    const { signal } = own;
    const name = nameOf(choice);
    const startMs = performance.now();
    // Of two loads the later one counts, whatever the earlier one still says.
    const ifCurrent = (say: () => void) => {
      if (controller === own) say();
    };
    const tell = (state: LoadingState) =>
      ifCurrent(() => {
        // When a model is loaded again, as its device was lost, nothing else says that it is there.
        const isThere = loaded.value !== undefined && state.doneBytes === state.totalBytes;
        loading.value = isThere ? undefined : state;
      });
    failure.value = undefined;
    notice.value = undefined;
    loading.value = { name, doneBytes: 0, totalBytes: 0 };
    try {
      await unload();
      const model = await BlackMamba.load(sourceOf(choice, siteUrl()), {
        device,
        quantize,
        signal,
        onProgress: ({ loadedBytes, totalBytes }) => tell({ name, doneBytes: loadedBytes, totalBytes }),
        onFetch: ({ fetchedBytes, totalBytes, file }) =>
          tell({ name: `${name}: ${file}`, doneBytes: fetchedBytes, totalBytes }),
        onDeviceLost: ({ message }) =>
          ifCurrent(() => {
            notice.value = `The GPU went away, and the model was loaded again: ${message}.`;
          }),
      });
      if (controller !== own) {
        await model.dispose();
        return;
      }
      loaded.value = { name, model, loadMs: performance.now() - startMs };
      if (device === "auto" && model.device.kind === "cpu") {
        notice.value = `Running on the processor. ${sentence(model.deviceReason.replace(/^cpu: /, ""))}`;
      }
    } catch (error) {
      ifCurrent(() => {
        if (!signal.aborted) failure.value = messageOf(error);
      });
    } finally {
      ifCurrent(() => {
        loading.value = undefined;
      });
    }
  }

  function cancel(): void {
    controller?.abort();
  }

  onScopeDispose(() => {
    controller?.abort();
    controller = undefined;
    void unload();
  });

  return { loaded, loading, failure, notice, load, cancel };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
