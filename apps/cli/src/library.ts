/**
 * What the commands need of the library, and no more: small enough for a test to stand in for it. The real one is
 * in `real-library.ts`.
 */

export type DeviceChoice = "auto" | "webgpu" | "cpu";

/** Commands name a device and carry it from `selectDevice` to `load`; what else it can do is the library's matter. */
export interface Device {
  readonly kind: "webgpu" | "cpu";
  readonly name: string;
  readonly software: boolean;
  dispose(): Promise<void>;
}

export interface SelectedDevice {
  readonly device: Device;
  /** One line: which device, and why. */
  readonly reason: string;
}

export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface LoadOptions {
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgress) => void;
}

export interface SamplingOptions {
  readonly maxTokens: number;
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Model {
  readonly tokenizer: { encodePrompt(text: string): number[] } | undefined;
  readonly parameters: Parameters;
  generate(prompt: string, options: SamplingOptions): AsyncIterable<{ readonly id: number; readonly text: string }>;
  dispose(): Promise<void>;
}

export interface Parameters {
  readonly total: number;
  /** Those that one token uses: of each layer's experts, only one. */
  readonly active: number;
}

export interface LayerDescription {
  readonly index: number;
  /** As in `mamba_moe_layers`: "r", "8", "r1" … */
  readonly kind: string;
  readonly description: string;
  readonly parameters: number;
  readonly activeParameters: number;
  readonly byteLength: number;
}

export interface ModelDescription {
  readonly config: object;
  readonly parameters: Parameters;
  readonly byteLength: number;
  readonly layers: readonly LayerDescription[];
  /** The weights' file. */
  readonly weightsName: string;
  readonly hasTokenizer: boolean;
  /** Tensors of each element type. */
  readonly dtypes: Readonly<Record<string, number>>;
}

export interface DeviceListing {
  readonly kind: "webgpu" | "cpu";
  readonly name: string;
  readonly software: boolean;
  readonly usable: boolean;
  /** True for the one that `auto` takes. */
  readonly default: boolean;
  readonly reason: string;
  readonly limits?: Readonly<Record<string, number>> | undefined;
  readonly features?: readonly string[] | undefined;
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
