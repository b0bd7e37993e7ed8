/**
 * Makes models: of a source's files, or of weights that the caller makes. All that is done again when the device is lost is here.
 */
import {
  type Device,
  type DeviceChoice,
  type DeviceLostError,
  OutOfMemoryError,
  type QuantizedDType,
} from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import { type ModelConfig, parseConfig } from "./config/config.ts";
import { DeviceModel, type DeviceModelInputs } from "./device/device-model.ts";
import { RenewableModel } from "./device/renewable-model.ts";
import { ModelConfigError } from "./errors.ts";
import { countParameters, type ParameterCount } from "./parameters.ts";
import type { FetchOptions } from "./source/locate.ts";
import { type ModelSource, openModel } from "./source/open-model.ts";
import { Fingerprint } from "./weights/fingerprint.ts";
import {
  checkWeights,
  disposeWeights,
  type LoadProgress,
  loadWeights,
  presentWeights,
} from "./weights/load-weights.ts";
import { type MakeWeight, madeWeights, makeWeights } from "./weights/make-weights.ts";
import { weightTable } from "./weights/weight-table.ts";

/** Options of `BlackMamba.load`. */
export interface LoadOptions extends FetchOptions {
  /**
   * `"auto"` (the default) takes a hardware GPU if there is one, else the CPU. A device that you made is not disposed with
   * the model, and several models may share it; but when it is lost, the model cannot open it again.
   */
  readonly device?: DeviceChoice | Device | undefined;
  /**
   * Quantises the large matrices while they are loaded, to about a half (`"q8_0"`) or a quarter (`"q4_0"`) of bf16's bytes.
   * Routers, `dt_proj`, convolutions, A, D, norms and biases stay as they are, and so does what is as small already. By
   * default every matrix stays in the checkpoint's own type.
   */
  readonly quantize?: QuantizedDType | undefined;
  /** Ends loading; the promise rejects with the signal's reason, and nothing stays allocated. What was fetched stays in the cache. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each tensor; and again from the beginning where the model is loaded again, as its device was lost. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /**
   * Called when the device was lost and the model begins to be loaded again, on a device of the same choice and from the same
   * source; with why. What was under way waits for that, and goes on from where it was.
   */
  readonly onDeviceLost?: ((error: DeviceLostError) => void) | undefined;
}

/** Options of `BlackMamba.create`. */
export interface CreateOptions extends Pick<LoadOptions, "device" | "signal" | "onDeviceLost"> {
  /** `config.json`, parsed. */
  readonly config: object;
  /** Called for each weight: says how it is made. Where the device was lost it is called for each again. */
  readonly makeWeight: MakeWeight;
}

/** What a model is made of. */
export interface LoadedModel {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer | undefined;
  readonly parameters: ParameterCount;
  readonly renewable: RenewableModel;
}

/** Loads a model from its files. */
export async function loadModel(source: ModelSource, options: LoadOptions): Promise<LoadedModel> {
  options.signal?.throwIfAborted();
  const { onDevice, ...first } = await loadOnto(source, options);
  const make = async (signal: AbortSignal) => {
    const next = await loadOnto(source, { ...options, signal });
    if (next.onDevice.fingerprint === onDevice.fingerprint) return next.onDevice;
    await next.onDevice.dispose();
    throw new ModelConfigError("the source holds another model than before; load that as a model of its own");
  };
  return { ...first, renewable: new RenewableModel(onDevice, { make, onDeviceLost: options.onDeviceLost }) };
}

/** Makes a model of weights that the caller makes. */
export async function createModel(options: CreateOptions): Promise<LoadedModel> {
  const { config: json, makeWeight, device = "auto", signal, onDeviceLost } = options;
  signal?.throwIfAborted();
  const config = parseConfig(json, "config");
  const table = weightTable(config);
  // What the caller's weights hold is not known: the states of such a model are for it alone.
  const fingerprint = crypto.randomUUID().replaceAll("-", "").slice(0, 16);
  const make = (running: AbortSignal | undefined) =>
    DeviceModel.create({
      device,
      config,
      weigh: async (on) => ({ weights: await makeWeights(on, table, makeWeight, running), fingerprint }),
      signal: running,
    });
  return {
    config,
    tokenizer: undefined,
    parameters: countParameters(madeWeights(table)),
    renewable: new RenewableModel(await make(signal), { make, onDeviceLost }),
  };
}

/** Opens a source and puts its weights on a device. */
async function loadOnto(source: ModelSource, options: LoadOptions) {
  const { device = "auto", quantize, signal, onProgress, hub, onFetch } = options;
  // Only for those who ask for it.
  const quantizing = quantize === undefined ? undefined : await import("./weights/quantized-weights.ts");
  quantizing?.checkQuantize(quantize);
  const { config, checkpoint, tokenizer, complete } = await openModel(source, { hub, onFetch, signal });
  try {
    const table = weightTable(config);
    const stored = quantizing && quantize ? quantizing.quantizedWeights(checkpoint, table, quantize) : checkpoint;
    const parameters = countParameters(presentWeights(checkpoint, table));
    const fingerprint = new Fingerprint(config);
    const weigh: DeviceModelInputs["weigh"] = async (selected, onPlaced) => {
      checkWeights(checkpoint, table);
      // Begun first: what has to be fetched is then on its way before it is asked for.
      const completed = complete();
      completed.catch(() => {});
      const { allocatedByteLength } = selected;
      const loading = loadWeights(selected, fingerprint.observe(stored), table, { signal, onProgress, onPlaced });
      const weights = await loading.catch(async (error: unknown) => {
        if (!(error instanceof OutOfMemoryError)) throw error;
        const { weightsOutOfMemory } = await import("./weights/weights-out-of-memory.ts");
        throw weightsOutOfMemory(error, { checkpoint, table, quantize }, selected, allocatedByteLength);
      });
      try {
        await completed;
      } catch (error) {
        disposeWeights(weights);
        throw error;
      }
      return { weights, fingerprint: fingerprint.digits };
    };
    return { config, tokenizer, parameters, onDevice: await DeviceModel.create({ device, config, weigh, signal }) };
  } finally {
    await checkpoint.close();
  }
}
