/**
 * A model that is made again on a new device when its device is lost, and calls that then begin again. Not here: what a call has to
 * know for that, see `model-state.ts` and `generate/`.
 */
import { DeviceLostError, DisposedError } from "@blackmamba/tensor";
import type { DeviceModel } from "./device-model.ts";
import { unlessAborted } from "./unless-aborted.ts";

/** How a model is made again. */
export interface Renewal {
  /** Makes it on a device of the same choice. When it rejects, nothing stays allocated. */
  make(signal: AbortSignal): Promise<DeviceModel>;
  /** Called when that begins, with why. */
  readonly onDeviceLost?: ((error: DeviceLostError) => void) | undefined;
}

/** Holds the {@link DeviceModel} there is, and replaces it. */
export class RenewableModel {
  readonly #renewal: Renewal;
  #current: DeviceModel;
  /** Under way: all who have noticed the loss wait for the same. */
  #next: Promise<DeviceModel> | undefined;
  readonly #stop = new AbortController();

  constructor(first: DeviceModel, renewal: Renewal) {
    this.#current = first;
    this.#renewal = renewal;
  }

  /** The model as it was made last, be its device lost or not. */
  get current(): DeviceModel {
    return this.#current;
  }

  /** @throws DisposedError after `dispose()` */
  assertUsable(): void {
    this.#stop.signal.throwIfAborted();
  }

  /**
   * Does something with the model, and once more from the beginning where its device is lost meanwhile. Calls reach the engine in the
   * order in which they are made.
   *
   * @throws DeviceLostError where the device is lost a second time, or the model cannot be made again
   */
  async use<T>(run: (model: DeviceModel) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const recovery = this.recovery();
    let model = this.isReady ? this.#current : await this.ready(signal);
    for (;;) {
      try {
        return await run(model);
      } catch (error) {
        model = await recovery.after(model, error, 0, signal);
      }
    }
  }

  /** Whether there is a model that, as far as is known, works. */
  get isReady(): boolean {
    return !this.#stop.signal.aborted && !this.#current.lost;
  }

  /** The model on a device that is not known to be lost: made again, if it was. */
  async ready(signal: AbortSignal | undefined): Promise<DeviceModel> {
    this.assertUsable();
    const { lost } = this.#current;
    return lost ? this.#renewed(lost, signal) : this.#current;
  }

  /** For one call, which may have to go on with another model. */
  recovery(): Recovery {
    return new Recovery((failed, error, signal) => this.#after(failed, error, signal));
  }

  /** Frees everything, also what is being made. Safe to call twice. */
  async dispose(): Promise<void> {
    this.#stop.abort(new DisposedError("model"));
    await this.#next?.catch(() => {});
    await this.#current.dispose();
  }

  /** The model that follows one on which a call has failed; throws the error on where that was no loss. */
  async #after(failed: DeviceModel, error: unknown, signal: AbortSignal | undefined): Promise<DeviceModel> {
    if (!isLoss(failed, error)) throw error;
    this.assertUsable();
    if (!failed.ownsDevice) {
      throw new DeviceLostError(
        `${(error as Error).message}; the model was given this device and cannot open it again: make a new one, and load the model ` +
          'onto it; or load it with device: "auto" or "webgpu", and it does both itself',
        { cause: error },
      );
    }
    if (failed !== this.#current) return this.ready(signal);
    return this.#renewed(failed.lost ?? (error as DeviceLostError), signal);
  }

  #renewed(error: DeviceLostError, signal: AbortSignal | undefined): Promise<DeviceModel> {
    if (!this.#next) {
      this.#next = this.#renew(error).finally(() => {
        this.#next = undefined;
      });
      this.#next.catch(() => {}); // thrown where it is waited for, if it still is
    }
    return unlessAborted(this.#next, signal);
  }

  async #renew(error: DeviceLostError): Promise<DeviceModel> {
    this.#current.noteLoss(error);
    this.#renewal.onDeviceLost?.(error);
    // All of the old first: two devices in one process are more than some platforms bear.
    await this.#current.dispose();
    const { signal } = this.#stop;
    try {
      signal.throwIfAborted();
      this.#current = await this.#renewal.make(signal);
    } catch (cause) {
      signal.throwIfAborted();
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new DeviceLostError(`the model's device was lost, and making the model again failed: ${what}`, { cause });
    }
    signal.throwIfAborted();
    return this.#current;
  }
}

/** What one call does about losses: it goes on as long as it gets further in between. */
export class Recovery {
  readonly #after: (failed: DeviceModel, error: unknown, signal: AbortSignal | undefined) => Promise<DeviceModel>;
  #progress: number | undefined;

  /** Made by {@link RenewableModel.recovery}. */
  constructor(after: (failed: DeviceModel, error: unknown, signal: AbortSignal | undefined) => Promise<DeviceModel>) {
    this.#after = after;
  }

  /**
   * The model to go on with.
   *
   * @param failed - the model that the error comes from
   * @param progress - how far the call has come
   * @throws the error, where it is no loss; DeviceLostError where the call had come no further since the loss before, or the model
   *   cannot be made again
   */
  async after(
    failed: DeviceModel,
    error: unknown,
    progress: number,
    signal: AbortSignal | undefined,
  ): Promise<DeviceModel> {
    if (isLoss(failed, error) && this.#progress === progress) {
      const what = error instanceof Error ? error.message : String(error);
      throw new DeviceLostError(`lost twice, with no progress in between, which would go on and on: ${what}`, {
        cause: error,
      });
    }
    const model = await this.#after(failed, error, signal);
    this.#progress = progress;
    return model;
  }
}

/** Whether a call failed because the device is gone, and so may succeed on another one. */
export function isLoss(model: DeviceModel, error: unknown): boolean {
  if (error instanceof DeviceLostError) return true;
  // Those that wait for their turn find that what was on the lost device has been disposed.
  return error instanceof DisposedError && model.lost !== undefined;
}
