/**
 * What the commands need of the library, and no more: small enough for a test to stand in for it. The real one is
 * in `real-library.ts`.
 */
import type {
  DeviceChoice,
  DeviceListing,
  GenerateOptions,
  LoadProgress,
  ModelDescription,
  Device as ModelDevice,
  ParameterCount,
} from "@blackmamba/model";

/** Commands name a device and carry it from `selectDevice` to `load`; what else it can do is the library's matter. */
export type Device = Pick<ModelDevice, "kind" | "name" | "software" | "dispose">;

export interface SelectedDevice {
  readonly device: Device;
  /** One line: which device, and why. */
  readonly reason: string;
}

export interface LoadOptions {
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgress) => void;
}

export interface Model {
  readonly tokenizer: { encodePrompt(text: string): number[] } | undefined;
  readonly parameters: ParameterCount;
  generate(prompt: string, options: GenerateOptions): AsyncIterable<{ readonly id: number; readonly text: string }>;
  dispose(): Promise<void>;
}

export interface Library {
  selectDevice(choice: DeviceChoice): Promise<SelectedDevice>;
  /** Whether the folder holds a model, and only its tokenizer is missing. Any other fault is for `load` to tell. */
  lacksTokenizer(folder: string): Promise<boolean>;
  load(folder: string, options: LoadOptions): Promise<Model>;
  describeModel(folder: string): Promise<ModelDescription>;
  listDevices(): Promise<readonly DeviceListing[]>;
  /** The folder of the model that is used when none is named. */
  defaultModelFolder(): Promise<string>;
}
