/**
 * The part of a model that is on a device: weights, recorded programs, and the paces that were measured there. It goes with the device;
 * who makes it again is in `renewable-model.ts`.
 */
import { type Device, type DeviceChoice, type DeviceLostError, selectDevice, type Tensor } from "@blackmamba/tensor";
import type { ModelConfig } from "../config/config.ts";
import { OptionError } from "../errors.ts";
import { Engine } from "../forward/engine.ts";
import type { Sequence } from "../forward/sequence.ts";
import { createPace, type Pace } from "../generate/pace.ts";
import { countBytes, type ParameterCount } from "../parameters.ts";
import { disposeWeights } from "../weights/load-weights.ts";
import { type ModelTable, weightTable } from "../weights/weight-table.ts";

/** What a model is to be put on, and how. */
export interface DeviceModelInputs {
  /** A device, or which one to open; one that is opened belongs to the model. */
  readonly device: DeviceChoice | Device;
  readonly config: ModelConfig;
  /**
   * Makes the weights. When it rejects, nothing stays allocated.
   *
   * @param onPlaced - to be called, if at all, once it is known where they will be: programs are then made while they come
   */
  weigh(device: Device, onPlaced: (weights: ModelTable<Tensor>) => void): Promise<WeighedModel>;
  readonly signal?: AbortSignal | undefined;
}

/** Weights on a device, and what tells them from others. */
export interface WeighedModel {
  readonly weights: ModelTable<Tensor>;
  /** 16 hexadecimal digits: the same for the same configuration and weights, on any device. */
  readonly fingerprint: string;
}

/** A model on one device. */
export class DeviceModel {
  readonly device: Device;
  /** One line on which device was taken and why. */
  readonly reason: string;
  /** Whether the device was opened for the model, and so goes with it. */
  readonly ownsDevice: boolean;
  readonly weights: ModelTable<Tensor>;
  readonly fingerprint: string;
  readonly engine: Engine;
  /** Bytes of the weights, in all and read for each token. */
  readonly byteLength: ParameterCount;
  readonly #paces = new Map<number, Pace>();
  #lost: DeviceLostError | undefined;
  #disposed: Promise<void> | undefined;

  /** Opens the device and makes the weights; when that fails, nothing stays allocated. */
  static async create({ device: choice, config, weigh, signal }: DeviceModelInputs): Promise<DeviceModel> {
    const opened = await openDevice(choice);
    const { device, ownsDevice } = opened;
    let engine: Engine | undefined;
    try {
      signal?.throwIfAborted();
      const { weights, fingerprint } = await weigh(device, (placed) => {
        engine = new Engine({ device, config, weights: placed });
        engine.prepareAhead();
      });
      try {
        engine ??= new Engine({ device, config, weights });
        return new DeviceModel(opened, config, { weights, fingerprint }, engine);
      } catch (error) {
        disposeWeights(weights);
        throw error;
      }
    } catch (error) {
      await engine?.dispose();
      if (ownsDevice) await device.dispose();
      throw error;
    }
  }

  private constructor(
    { device, reason, ownsDevice }: OpenedDevice,
    config: ModelConfig,
    { weights, fingerprint }: WeighedModel,
    engine: Engine,
  ) {
    this.device = device;
    this.reason = reason;
    this.ownsDevice = ownsDevice;
    this.byteLength = countBytes(weightTable(config), weights);
    this.weights = weights;
    this.fingerprint = fingerprint;
    this.engine = engine;
    // One that was given may outlive many models, and would hold on to all of them.
    if (!ownsDevice) return;
    device.lost.then((error) => {
      if (!this.#disposed) this.noteLoss(error);
    });
  }

  /**
   * Why the device is gone, once that is known: of one that was opened for the model. If it was disposed with the model, it was not
   * lost.
   */
  get lost(): DeviceLostError | undefined {
    return this.#lost;
  }

  /** Tells that the device is gone, where a call has found out first. */
  noteLoss(error: DeviceLostError): void {
    this.#lost ??= error;
  }

  /** The pace of so many sequences together. */
  paceOf(sequences: number): Pace {
    const pace = this.#paces.get(sequences) ?? createPace(this.device);
    this.#paces.set(sequences, pace);
    return pace;
  }

  /** Does something with an empty sequence, which is then freed. */
  async withSequence<T>(use: (sequence: Sequence) => Promise<T>): Promise<T> {
    const sequence = this.engine.createSequence();
    try {
      return await use(sequence);
    } finally {
      await this.engine.disposeSequence(sequence);
    }
  }

  /** Frees all that is on the device, and the device if it belongs to the model. Safe to call twice. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    await this.engine.dispose();
    disposeWeights(this.weights);
    if (this.ownsDevice) await this.device.dispose();
  }
}

interface OpenedDevice {
  readonly device: Device;
  readonly reason: string;
  readonly ownsDevice: boolean;
}

/** The device that was asked for by name, or given. */
async function openDevice(device: DeviceChoice | Device): Promise<OpenedDevice> {
  if (typeof device === "string") return { ...(await selectDevice(device)), ownsDevice: true };
  if (typeof device?.createTensor !== "function") {
    throw new OptionError("device", '"auto", "webgpu", "cpu" or a device', device);
  }
  return { device, reason: `${device.kind}: as given`, ownsDevice: false };
}
