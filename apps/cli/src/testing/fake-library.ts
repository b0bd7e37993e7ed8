/** A library that loads nothing and always tells the same story. For tests only. */
import type { DeviceListing, GenerateBatchOptions, ModelDescription } from "@blackmamba/model";
import type { RequestRecord } from "@blackmamba/server";
import type { BenchReport } from "../bench/report.ts";
import type { Library, LoadOptions, Model, State } from "../library.ts";

export interface FakeLibrary extends Library {
  /** What the commands asked for, in order. */
  readonly calls: { readonly name: string; readonly arguments: readonly unknown[] }[];
  /** Names of what was disposed, in order. */
  readonly disposed: string[];
}

/** Ids 0, 1, 2 … */
export const STORY = [", there", " was", " a snake", ".\n"] as const;

/** `advance` is between the first token and the second. */
type Step =
  | "selectDevice"
  | "load"
  | "generate"
  | "advance"
  | "loadState"
  | "convertModel"
  | "synthModel"
  | "describeModel"
  | "listDevices"
  | "bench"
  | "findChatTemplate"
  | "score"
  | "serve";

export interface FakeLibraryOptions {
  /** Pieces of the story after which the model ends the text. Default: it goes on forever. */
  readonly pieces?: readonly string[];
  /** Thrown by what it is named after. */
  readonly errors?: Partial<Record<Step, unknown>>;
  /** Waits forever instead. */
  readonly hangs?: "selectDevice" | "load" | "generate" | "bench" | "score";
  /** Default that of one model. */
  readonly fingerprint?: string;
  /** Scores after which the device is gone. */
  readonly failsAfter?: number;
  readonly lacksTokenizer?: boolean;
  /** What the model's folder has. */
  readonly chatTemplate?: string;
  /** What a server answers once its model is there. */
  readonly requests?: readonly RequestRecord[];
  /** Loaded in place of the one that tells the story. */
  readonly model?: Partial<Model>;
  readonly deviceReason?: string;
  readonly deviceKind?: "cpu" | "webgpu";
  readonly devices?: readonly DeviceListing[];
}

export function fakeLibrary(options: FakeLibraryOptions = {}): FakeLibrary {
  const {
    errors = {},
    hangs,
    fingerprint = "0123456789abcdef",
    failsAfter = Number.POSITIVE_INFINITY,
    pieces,
    deviceKind = "cpu",
    devices = DEVICES,
  } = options;
  const { deviceReason = "cpu: there is no WebGPU adapter" } = options;
  const calls: FakeLibrary["calls"] = [];
  const disposed: string[] = [];
  const device = {
    kind: deviceKind,
    name: "CPU",
    software: true,
    dispose: async () => void disposed.push("device"),
  } as const;

  async function step(name: Step, ...values: unknown[]): Promise<void> {
    calls.push({ name, arguments: values });
    if (errors[name] !== undefined) throw errors[name];
    if (hangs === name) await new Promise(() => {});
  }

  const words = (text: string) => (text === "" ? [] : text.split(" ").map((_, id) => id));

  /** Of states, which know how far they are, and no more: `fake-chat-model.ts` has some that remember. */
  const positions = new Map<State, number>();
  function stateAt(position: number): State {
    const state: State = {
      get position() {
        return positions.get(state) ?? 0;
      },
      byteLength: 1000,
      advance: async () => undefined,
      clone: () => stateAt(state.position),
      save: async () => new TextEncoder().encode(String(state.position)),
      dispose: async () => {},
    };
    positions.set(state, position);
    return state;
  }

  /** The token after so many, or why there is none. */
  function storyOf(maxTokens = 0) {
    const story = pieces ?? STORY;
    return (id: number, logprobs?: number) => {
      if (id >= maxTokens) return { finishReason: "length" } as const;
      if (pieces !== undefined && id >= pieces.length) return { finishReason: "stop" } as const;
      const topLogprobs = Array.from({ length: logprobs ?? 0 }, (_, i) => ({ id: i, logprob: -1 - i }));
      const facts = logprobs === undefined ? {} : { logprob: -0.5, topLogprobs };
      return { token: { id, text: story[id % story.length]!, ...facts } } as const;
    };
  }

  const model: Model = {
    tokenizer: {
      encode: words,
      encodePrompt: words,
      decode: (ids) => [...ids].map((id) => STORY[id % 4]).join(""),
      ...{ addBosToken: false, bosTokenId: 7, endTokenId: 7 },
    },
    parameters: { total: 100, active: 60 },
    fingerprint,
    createState: () => stateAt(0),
    async loadState(bytes) {
      if (errors.loadState !== undefined) throw errors.loadState;
      return stateAt(Number(new TextDecoder().decode(bytes)));
    },
    async *generate(prompt, { state, ...sampling } = {}) {
      await step("generate", prompt, state ? { ...sampling, state: state.position } : sampling);
      let told = 0;
      try {
        for (const story = storyOf(sampling.maxTokens); ; told += 1) {
          sampling.signal?.throwIfAborted();
          if (told === 1 && errors.advance !== undefined) throw errors.advance;
          const { token, finishReason } = story(told, sampling.logprobs);
          if (!token) return { finishReason };
          yield token;
        }
      } finally {
        const read = typeof prompt === "string" ? words(prompt).length : prompt.length;
        if (state) positions.set(state, state.position + read + told);
      }
    },
    async *generateBatch(prompts: readonly string[], { n = 1, ...sampling }: GenerateBatchOptions) {
      await step("generate", prompts, { ...sampling, n });
      const story = storyOf(sampling.maxTokens);
      for (let index = 0; ; index += 1) {
        sampling.signal?.throwIfAborted();
        if (index === 1 && errors.advance !== undefined) throw errors.advance;
        const { token, finishReason } = story(index, sampling.logprobs);
        if (!token) return Array.from({ length: n }, () => ({ finishReason }));
        for (let sample = n - 1; sample >= 0; sample -= 1) yield { ...token, index: 0, sample };
      }
    },
    async score(ids, scoring) {
      await step("score", Array.from(ids), scoring.from);
      if (calls.filter(({ name }) => name === "score").length > failsAfter) {
        throw Object.assign(new Error("the device is gone"), { code: "ERR_DEVICE_LOST" });
      }
      scoring.signal?.throwIfAborted();
      return { logprobs: new Float64Array(ids.length).fill(-1), greedy: new Uint8Array(ids.length).fill(1) };
    },
    dispose: async () => void disposed.push("model"),
  };

  return {
    calls,
    disposed,
    async selectDevice(choice) {
      await step("selectDevice", choice);
      return { device, reason: deviceReason };
    },
    lacksTokenizer: async () => options.lacksTokenizer === true,
    async load(folder: string, { quantize, onProgress }: LoadOptions) {
      await step("load", folder, ...(quantize ? [quantize] : []));
      for (const loadedBytes of [0, 13_000_000, 26_000_000])
        onProgress({ loadedBytes, totalBytes: 26_000_000, tensor: "a" });
      return { ...model, ...options.model };
    },
    async convertModel(source, folder, { signal, onProgress, ...options }) {
      await step("convertModel", source, folder, options);
      signal.throwIfAborted();
      for (const writtenBytes of [0, 7_000_000, 14_000_000])
        onProgress({ writtenBytes, totalBytes: 14_000_000, tensor: "a" });
      const files = options.shardByteLength === undefined ? ["model.safetensors"] : ["a", "b", "index.json"];
      return { path: `${folder}/${files.at(-1)}`, byteLength: 14_001_234, dtypes: { bf16: 62, q4_0: 115 }, files };
    },
    async synthModel(folder, { signal, onProgress, ...options }) {
      await step("synthModel", folder, options);
      signal.throwIfAborted();
      for (const writtenBytes of [0, 52_000_000]) onProgress({ writtenBytes, totalBytes: 52_000_000, tensor: "a" });
      return { path: `${folder}/pytorch_model.bin`, byteLength: 52_001_234, dtypes: { bf16: 177 }, files: ["a"] };
    },
    async describeModel(folder) {
      await step("describeModel", folder);
      return DESCRIPTION;
    },
    async bench({ device: own, model: choice, signal: _, onStage, onProgress, ...request }) {
      await step("bench", choice, request);
      onStage("decode");
      for (const done of [1, 6]) onProgress({ done, total: 6, unit: "runs" });
      return { ...REPORT, device: { kind: own.kind, name: own.name, software: own.software } };
    },
    async findChatTemplate(folder) {
      await step("findChatTemplate", folder);
      return options.chatTemplate;
    },
    async serve(load, { onRequest, ...request }) {
      await step("serve", request);
      return {
        url: `http://${request.host}:${request.port}`,
        ready: load().then(() => options.requests?.forEach(onRequest)),
        close: async ({ deadlineMs }) => void calls.push({ name: "close", arguments: [deadlineMs] }),
      };
    },
    openCache: async () => fakeCache(calls),
    async listDevices() {
      await step("listDevices");
      return devices;
    },
    defaultModelFolder: async () => "/models/storyteller",
  };
}

/** Two models, of which the second has a wrong file. */
function fakeCache(calls: FakeLibrary["calls"]): Awaited<ReturnType<Library["openCache"]>> {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const common = { partialByteLength: 0, path: undefined };
  const models = [
    { ...common, name: "owner/first", revisions: [commit, "main"], byteLength: 2_900_000_000, path: "/cache/first" },
    { ...common, name: "owner/second", revisions: [], byteLength: 7, partialByteLength: 12_000_000 },
  ];
  return {
    list: async () => models.filter(({ name }) => !calls.some(({ arguments: [removed] }) => removed === name)),
    async verify(name, { onProgress } = {}) {
      onProgress?.({ checkedBytes: 7, totalBytes: 7 });
      return [{ path: "config.json", byteLength: 7, isRight: name === "owner/first" }];
    },
    async remove(name) {
      calls.push({ name: "remove", arguments: [name] });
      return true;
    },
  };
}

export const DESCRIPTION: ModelDescription = {
  name: "m",
  config: {
    ...{ hidden: 256, inner: 512, state: 16, taps: 4, dtRank: 16, ffn: 576, vocab: 8192, epsilon: 1e-5 },
    ...{ gating: "sigmoid", gated: true, projectionBias: false, linearBias: false, trainedLength: undefined },
    ...{ layout: "blackmamba", finalNorm: "layer", tied: true },
    layers: [
      { entry: "r", mamba: true, experts: 0 },
      { entry: "8", mamba: false, experts: 8 },
    ],
  },
  parameters: { total: 26_000_123, active: 8_000_456 },
  byteLength: 27_654_321,
  layers: [
    { index: 0, kind: "r", description: "Mamba", parameters: 433_000, activeParameters: 433_000, byteLength: 460_000 },
    {
      index: 1,
      kind: "8",
      description: "MoE, 8 experts",
      parameters: 3_541_000,
      activeParameters: 444_000,
      byteLength: 3_760_000,
    },
  ],
  weightsName: "m/model.safetensors",
  hasTokenizer: true,
  dtypes: { f32: 12, q8_0: 109 },
};

export const DEVICES: readonly DeviceListing[] = [
  {
    kind: "webgpu",
    name: "Some GPU",
    software: false,
    usable: true,
    default: true,
    reason: "the default: a hardware GPU",
    limits: { maxBufferSize: 2_147_483_648, maxStorageBuffersPerShaderStage: 10 },
    features: ["shader-f16", "subgroups"],
  },
  {
    kind: "webgpu",
    name: "Another GPU",
    software: false,
    usable: false,
    default: false,
    reason: "its driver is\ntoo old",
  },
  { kind: "cpu", name: "CPU", software: true, usable: true, default: false, reason: "used when asked for by name" },
];

const summary = (...runs: number[]) => ({
  median: [...runs].sort((a, b) => a - b)[runs.length >> 1]!,
  min: Math.min(...runs),
  max: Math.max(...runs),
  runs,
});

/** Round figures, so that shares are easy to see. */
export const REPORT: BenchReport = {
  format: 1,
  date: "2026-01-02T03:04:05.000Z",
  host: { node: "v20.19.0", platform: "linux-x64" },
  device: { kind: "cpu", name: "CPU", software: true },
  model: {
    name: "1.5b",
    weights: "random",
    dtype: "bf16",
    parameters: { total: 1_458_000_000, active: 344_000_000 },
    byteLength: { total: 2_900_000_000, active: 690_000_000 },
  },
  ceiling: { copyBytesPerSecond: summary(4e12, 4.1e12, 4.05e12), flopsPerSecond: summary(6e13) },
  decode: {
    tokens: 512,
    tokensPerSecond: summary(2000, 2100, 1900),
    bytesPerSecond: 1.38e12,
    shareOfCeiling: 0.345,
    gapsMs: { median: 11.9, longest: 24.25 },
    encodeUsPerToken: 40,
    wallPerDeviceTime: 1.05,
    step: {
      dispatches: 3,
      deviceUs: summary(476),
      kernels: [
        { program: "layer 0", kernel: "linear", calls: 2, medianUs: 100, totalUs: 300 },
        { program: "logits", kernel: "norm", calls: 1, medianUs: 100, totalUs: 100 },
      ],
    },
  },
  prefill: {
    tokens: 2048,
    tokensPerSecond: summary(25_000),
    flopsPerSecond: 1.5e13,
    shareOfCeiling: 0.25,
    step: { tokens: 256, dispatches: 250, deviceUs: undefined, kernels: [] },
  },
  memory: { weights: 2_900_000_000, state: 2_600_000, beyond: 40_000_000 },
};
