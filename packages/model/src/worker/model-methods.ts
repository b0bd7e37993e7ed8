/**
 * What a model's worker can be asked to do. Each method takes a subject, and options with a signal.
 */
import { DisposedError } from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import { BlackMamba, type ForwardOptions, type LoadOptions } from "../blackmamba.ts";
import { describeModel } from "../describe.ts";
import { NoTokenizerError } from "../errors.ts";
import type { GenerateOptions } from "../generate/generate.ts";
import type { GenerateBatchOptions } from "../generate/generate-batch.ts";
import type { ProfileOptions } from "../profile.ts";
import type { FetchOptions } from "../source/locate.ts";
import type { ModelSource } from "../source/open-model.ts";
import type { TraceOptions } from "../trace.ts";
import type { LoadedModel } from "./protocol.ts";

type Ids = ArrayLike<number>;
type DecodeOptions = Parameters<Tokenizer["decode"]>[1];

/** By name; see {@link modelMethods}. */
export type ModelMethods = ReturnType<typeof modelMethods>;

/** The methods of a worker that has no model yet. */
export function modelMethods() {
  let loaded: BlackMamba | undefined;
  const model = () => {
    if (!loaded) throw new DisposedError("model");
    return loaded;
  };
  const tokenizer = () => {
    const { tokenizer: own } = model();
    if (!own) throw new NoTokenizerError("the model was loaded without a tokenizer");
    return own;
  };
  return {
    async load(source: ModelSource, options: LoadOptions): Promise<LoadedModel> {
      loaded = await BlackMamba.load(source, options);
      const { config, device, deviceReason, parameters, byteLength, prefillChunk } = loaded;
      const { kind, name, software } = device;
      const own = loaded.tokenizer;
      return {
        config,
        device: { kind, name, software },
        deviceReason,
        parameters,
        byteLength,
        prefillChunk,
        tokenizer: own && {
          vocabSize: own.vocabSize,
          bosToken: own.bosToken,
          bosTokenId: own.bosTokenId,
          addBosToken: own.addBosToken,
          eosToken: own.eosToken,
          eosTokenId: own.eosTokenId,
          endTokenId: own.endTokenId,
        },
      };
    },
    describe: (source: ModelSource, options: FetchOptions) => describeModel(source, options),
    generate: (prompt: string | Ids, options: GenerateOptions) => model().generate(prompt, options),
    generateBatch: (prompts: readonly (string | Ids)[], options: GenerateBatchOptions) =>
      model().generateBatch(prompts, options),
    logits: (ids: Ids, options: ForwardOptions) => model().logits(ids, options),
    trace: (ids: Ids, options: TraceOptions) => model().trace(ids, options),
    profile: (_: undefined, options: ProfileOptions) => model().profile(options),
    memory: async (_: undefined) => ({ allocatedByteLength: model().device.allocatedByteLength }),
    dispose: (_: undefined) => model().dispose(),
    encode: async (text: string) => tokenizer().encode(text),
    encodePrompt: async (text: string) => tokenizer().encodePrompt(text),
    decode: async (ids: readonly number[], options: DecodeOptions) => tokenizer().decode(ids, options),
    tokenToId: async (token: string) => tokenizer().tokenToId(token),
    idToToken: async (id: number) => tokenizer().idToToken(id),
  };
}
