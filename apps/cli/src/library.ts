/**
 * What the commands need of the library, and no more: small enough for a test to stand in for it. The real one is
 * in `real-library.ts`.
 */

import type { EvalModel, EvalTokenizer } from "@blackmamba/eval";
import type { FileCache } from "@blackmamba/hub";
import type {
  BatchToken,
  ConvertedWeights,
  DeviceChoice,
  DeviceListing,
  GenerateBatchOptions,
  GeneratedToken,
  GenerateOptions,
  GenerateResult,
  LoadProgress,
  ModelDescription,
  Device as ModelDevice,
  ParameterCount,
  QuantizedDType,
  WriteProgress,
} from "@blackmamba/model";
import type { RequestRecord, ServerOptions } from "@blackmamba/server";
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { PresetName } from "./bench/presets.ts";
import type { BenchReport } from "./bench/report.ts";
import type { BenchRequest } from "./bench/run-bench.ts";
import type { FloatDType, Format, SynthFormat } from "./options.ts";

/** Commands name a device and carry it from `selectDevice` to `load`; what else it can do is the library's matter. */
export type Device = Pick<ModelDevice, "kind" | "name" | "software" | "dispose">;

export interface SelectedDevice {
  readonly device: Device;
  /** One line: which device, and why. */
  readonly reason: string;
}

export interface LoadOptions {
  readonly device: Device;
  readonly quantize?: QuantizedDType | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: LoadProgress) => void;
}

/** A state that remembers a text, and stands still unless it is told to go on. */
export interface State {
  /** Tokens that it has consumed. */
  readonly position: number;
  readonly byteLength: number;
  advance(ids: ArrayLike<number>): Promise<unknown>;
  clone(): State;
  save(): Promise<Uint8Array>;
  dispose(): Promise<void>;
}

/** The library's options, with the state that the text goes on from. */
export type TextOptions = Omit<GenerateOptions, "state"> & { readonly state?: State | undefined };

/** Text into ids and back. */
export type TextTokenizer = Omit<EvalTokenizer, "encode"> & Pick<Tokenizer, "encode" | "encodePrompt" | "decode">;

export interface Model extends EvalModel {
  readonly tokenizer: TextTokenizer | undefined;
  readonly parameters: ParameterCount;
  readonly fingerprint: string;
  generate(
    prompt: string | ArrayLike<number>,
    options?: TextOptions,
  ): AsyncGenerator<GeneratedToken, GenerateResult, undefined>;
  generateBatch(
    prompts: readonly string[],
    options: GenerateBatchOptions,
  ): AsyncGenerator<BatchToken, readonly GenerateResult[], undefined>;
  createState(): State;
  loadState(bytes: Uint8Array): Promise<State>;
  dispose(): Promise<void>;
}

export interface ConvertModelOptions {
  readonly format: Format;
  readonly quantize: QuantizedDType | undefined;
  /** What is not quantised becomes this; by default it stays as it is. */
  readonly dtype: FloatDType | undefined;
  /** Most bytes of tensors in a file; by default all are in one. */
  readonly shardByteLength: number | undefined;
  /** Whether files that are there already may be overwritten. */
  readonly force: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: WriteProgress) => void;
}

export interface ConvertedModel extends ConvertedWeights {
  /** The weights' file, or the index of several. */
  readonly path: string;
}

export interface SynthModelOptions {
  readonly preset: PresetName;
  readonly dtype: FloatDType;
  readonly format: SynthFormat;
  readonly seed: number;
  /** Whether files that are there already may be overwritten. */
  readonly force: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: WriteProgress) => void;
}

/** A server that listens; its model may still be loading. */
export interface RunningServer {
  readonly url: string;
  /** Resolves when the model is there; rejects with why it is not. */
  readonly ready: Promise<void>;
  /** Finishes what is under way, for so long at most, and listens no more. */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}

export interface ServeOptions extends Omit<ServerOptions, "onRequest"> {
  readonly host: string;
  readonly port: number;
  readonly onRequest: (record: RequestRecord) => void;
}

/** What a bench measures: random weights of a shape, or a checkpoint. */
export type BenchModelChoice = BenchRequest["model"];

export interface Library {
  selectDevice(choice: DeviceChoice): Promise<SelectedDevice>;
  /** Whether there is a model, and only its tokenizer is missing. Any other fault is for `load` to tell. */
  lacksTokenizer(folder: string): Promise<boolean>;
  load(folder: string, options: LoadOptions): Promise<Model>;
  /** Rejects once everything that was begun is removed. */
  convertModel(source: string, folder: string, options: ConvertModelOptions): Promise<ConvertedModel>;
  /** Writes a model of random weights. Rejects once everything that was begun is removed. */
  synthModel(folder: string, options: SynthModelOptions): Promise<ConvertedModel>;
  describeModel(folder: string): Promise<ModelDescription>;
  /** Measures a model on a device. */
  bench(request: Omit<BenchRequest, "device"> & { readonly device: Device }): Promise<BenchReport>;
  /** The models from a hub that are kept here. */
  openCache(): Promise<Pick<FileCache, "list" | "verify" | "remove">>;
  /** The chat template in the model's folder, if there is one. */
  findChatTemplate(folder: string, signal: AbortSignal): Promise<string | undefined>;
  /** Listens; then loads, and serves what that gives. */
  serve(load: () => Promise<Model>, options: ServeOptions): Promise<RunningServer>;
  listDevices(): Promise<readonly DeviceListing[]>;
  /** The folder of the model that is used when none is named. */
  defaultModelFolder(): Promise<string>;
}
