/**
 * What a model's worker can be asked to do. Each method takes a subject, and options with a signal.
 */
import { type Device, DisposedError } from "@blackmamba/tensor";
import type { Tokenizer } from "@blackmamba/tokenizer";
import { BlackMamba, type ForwardOptions } from "../blackmamba.ts";
import { describeModel } from "../describe.ts";
import { NoTokenizerError } from "../errors.ts";
import type { GenerateOptions } from "../generate/generate.ts";
import type { GenerateBatchOptions } from "../generate/generate-batch.ts";
import type { LoadOptions } from "../load-model.ts";
import type { ProfileOptions } from "../profile.ts";
import type { ScoreOptions } from "../score.ts";
import type { FetchOptions } from "../source/locate.ts";
import type { ModelSource } from "../source/open-model.ts";
import type { TraceOptions } from "../trace.ts";
import type { LoadedModel } from "./protocol.ts";

type Ids = ArrayLike<number>;
type DecodeOptions = Parameters<Tokenizer["decode"]>[1];

/** Options of the method `load`: the page's, and what only the worker can tell. */
interface LoadHereOptions extends LoadOptions {
  /** Told what is known of the model once it is on another device, before the answer that came from there. */
  readonly onRenewed?: ((facts: LoadedModel) => void) | undefined;
}

/** By name; see {@link modelMethods}. */
export type ModelMethods = ReturnType<typeof modelMethods>;

/** The methods of a worker that has no model yet. */
export function modelMethods() {
  let loaded: BlackMamba | undefined;
  let device: Device | undefined;
  let tellRenewed: LoadHereOptions["onRenewed"];

  const model = () => {
    if (!loaded) throw new DisposedError("model");
    return loaded;
  };
  const tokenizer = () => {
    const { tokenizer: own } = model();
    if (!own) throw new NoTokenizerError("the model was loaded without a tokenizer");
    return own;
  };
  const noteDevice = () => {
    if (model().device === device) return;
    device = model().device;
    tellRenewed?.(factsOf(model()));
  };
  const noting = <T>(answer: Promise<T>) => answer.finally(noteDevice);
  async function* notingEach<T, R>(pieces: AsyncGenerator<T, R, undefined>): AsyncGenerator<T, R, undefined> {
    try {
      for (;;) {
        const { done, value } = await pieces.next();
        noteDevice();
        if (done) return value;
        yield value;
      }
    } finally {
      // Of one that has ended this does nothing.
      await pieces.return(undefined as never);
    }
  }

  return {
    async load(source: ModelSource, { onRenewed, ...options }: LoadHereOptions): Promise<LoadedModel> {
      loaded = await BlackMamba.load(source, options);
      ({ device } = loaded);
      tellRenewed = onRenewed;
      return factsOf(loaded);
    },
    describe: (source: ModelSource, options: FetchOptions) => describeModel(source, options),
    generate: (prompt: string | Ids, options: GenerateOptions) => notingEach(model().generate(prompt, options)),
    generateBatch: (prompts: readonly (string | Ids)[], options: GenerateBatchOptions) =>
      notingEach(model().generateBatch(prompts, options)),
    logits: (ids: Ids, options: ForwardOptions) => noting(model().logits(ids, options)),
    score: (ids: Ids, options: ScoreOptions) => noting(model().score(ids, options)),
    trace: (ids: Ids, options: TraceOptions) => noting(model().trace(ids, options)),
    profile: (_: undefined, options: ProfileOptions) => noting(model().profile(options)),
    memory: async (_: undefined) => ({ allocatedByteLength: model().device.allocatedByteLength }),
    dispose: (_: undefined) => model().dispose(),
    encode: async (text: string) => tokenizer().encode(text),
    encodePrompt: async (text: string) => tokenizer().encodePrompt(text),
    decode: async (ids: readonly number[], options: DecodeOptions) => tokenizer().decode(ids, options),
    tokenToId: async (token: string) => tokenizer().tokenToId(token),
    idToToken: async (id: number) => tokenizer().idToToken(id),
  };
}

/** What is known of a model, in a form that can be copied. */
function factsOf(model: BlackMamba): LoadedModel {
  const { config, device, deviceReason, parameters, byteLength, prefillChunk, tokenizer } = model;
  const { kind, name, software } = device;
  return {
    config,
    device: { kind, name, software },
    deviceReason,
    parameters,
    byteLength,
    prefillChunk,
    tokenizer: tokenizer && {
      vocabSize: tokenizer.vocabSize,
      bosToken: tokenizer.bosToken,
      bosTokenId: tokenizer.bosTokenId,
      addBosToken: tokenizer.addBosToken,
      eosToken: tokenizer.eosToken,
      eosTokenId: tokenizer.eosTokenId,
      endTokenId: tokenizer.endTokenId,
    },
  };
}
