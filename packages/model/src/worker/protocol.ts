/**
 * What a page and a model's worker say to each other. The page makes calls, each with a number; the worker answers under it.
 *
 * A call of a generator is answered with pieces, and goes on when the page asks for the next: the worker is never further ahead
 * than one message. What a call throws ends it, as `aborted` does, the answer to the page's own abort.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { BlackMamba } from "../blackmamba.ts";
import type { SentError } from "./sent-error.ts";

/** From the page to the worker. */
export type PageMessage =
  | {
      readonly type: "call";
      readonly id: number;
      readonly method: string;
      readonly subject: unknown;
      /** What can be copied of the options. */
      readonly options: object;
      /** Names of those options that are functions of the page. */
      readonly callbacks: readonly string[];
    }
  | { readonly type: "next"; readonly id: number }
  | { readonly type: "abort"; readonly id: number };

/** From the worker to the page. */
export type WorkerMessage =
  /** It has started; while it lives, it holds the lock. */
  | { readonly type: "ready"; readonly lock: string | undefined }
  | { readonly type: "result"; readonly id: number; readonly value: unknown }
  | ({ readonly type: "pieces"; readonly id: number } & SentPieces)
  | { readonly type: "error"; readonly id: number; readonly error: SentError }
  | { readonly type: "aborted"; readonly id: number }
  | { readonly type: "callback"; readonly id: number; readonly name: string; readonly args: readonly SentArgument[] };

/** What a generator has yielded, and once it is done what it has returned. */
export type SentPieces = { readonly pieces: readonly unknown[] } & (
  | { readonly isDone: false }
  | { readonly isDone: true; readonly result: unknown }
);

/** What a callback is told. */
export type SentArgument = { readonly value: unknown } | { readonly error: SentError };

/** What a worker can be asked to do, by name: each takes a subject, and options. Generators yield, the others answer once. */
export type Methods = Readonly<Record<string, (subject: never, options: never) => unknown>>;

/** What is known of a model once it is loaded. */
export interface LoadedModel
  extends Pick<BlackMamba, "config" | "deviceReason" | "parameters" | "byteLength" | "prefillChunk"> {
  readonly device: WorkerDevice;
  readonly tokenizer: TokenizerFacts | undefined;
}

/** What a model in a worker runs on. */
export interface WorkerDevice {
  readonly kind: "webgpu" | "cpu";
  /** The adapter's or processor's own name. */
  readonly name: string;
  /** True for a CPU, and for a GPU that is emulated on one. */
  readonly software: boolean;
}

/** What is known of a tokenizer without asking it. */
export type TokenizerFacts = Pick<
  Tokenizer,
  "vocabSize" | "bosToken" | "bosTokenId" | "addBosToken" | "eosToken" | "eosTokenId" | "endTokenId"
>;
