/**
 * One text among those that decode together: what it has said, and what was asked for. Which slot it is in is for the scheduler to know.
 */
import type { Tokenizer } from "@blackmamba/tokenizer";
import type { DeviceModel } from "../device/device-model.ts";
import { isLoss } from "../device/renewable-model.ts";
import type { Look } from "../forward/choose.ts";
import type { TextLimits } from "./limits.ts";
import { onAbort } from "./on-abort.ts";
import { TextProgress } from "./text-progress.ts";
import { type PromptPart, type TextInputs, TextSequence } from "./text-sequence.ts";
import type { GeneratedToken, GenerateResult } from "./token.ts";

/** What a text is made of, and where it ends. */
export interface BatchTextInputs extends TextInputs {
  readonly limits: TextLimits;
}

/** Who is told what becomes of a text. */
export interface TextReader {
  push(tokens: readonly GeneratedToken[]): void;
  end(result: GenerateResult): void;
  fail(error: unknown): void;
}

/** A text in progress. */
export class BatchText {
  readonly #inputs: BatchTextInputs;
  readonly #reader: TextReader;
  readonly #progress: TextProgress;
  readonly #sequence: TextSequence;
  readonly #onEnd: () => void;
  readonly #stopListening: (() => void) | undefined;
  /** Ids that the device was asked for. */
  #queued = 0;
  #isBegun = false;
  #hasEnded = false;

  /** @param onEnd - called when it has ended, however that came about */
  constructor(inputs: BatchTextInputs, tokenizer: Tokenizer | undefined, reader: TextReader, onEnd: () => void) {
    const { limits, logitWork, signal } = inputs;
    this.#inputs = inputs;
    this.#reader = reader;
    this.#onEnd = onEnd;
    this.#progress = new TextProgress(tokenizer, limits, logitWork);
    this.#sequence = new TextSequence(inputs);
    if (limits.maxTokens === 0) this.#end({ finishReason: "length" });
    else if (signal?.aborted) this.fail(signal.reason);
    else if (signal) this.#stopListening = onAbort(signal, () => this.fail(signal.reason));
  }

  /** Whether something was read of its prompt. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Whether the device was asked for all its tokens. */
  get isAllQueued(): boolean {
    return this.tokensLeft === 0;
  }

  /** Tokens that the device was not asked for yet. */
  get tokensLeft(): number {
    return this.#inputs.limits.maxTokens - this.#queued;
  }

  get kind() {
    return this.#sequence.kind;
  }

  /** As its sequence's; what goes wrong there is no matter of the other texts. */
  get look(): Look | undefined {
    const look = this.#sequence.look;
    const change = look?.change;
    if (!change) return look;
    return {
      ...look,
      change: async (logits) => {
        try {
          await change(logits);
        } catch (error) {
          this.fail(error);
        }
      },
    };
  }

  get sequence() {
    return this.#sequence.sequence;
  }

  /** Reads at most so many tokens of its prompt, or of what it has said before a loss. */
  async readPrompt(model: DeviceModel, most: number): Promise<PromptPart> {
    this.#isBegun = true;
    const part = await this.#sequence.read(model, most);
    if (part.first) this.#queued = this.#progress.taken + 1;
    return part;
  }

  /** To be called once a slot has what the sequence has come to. */
  leaveSequence(): Promise<void> {
    return this.#sequence.leave();
  }

  /** Tells that the device was asked for so many tokens more. */
  queue(steps: number): void {
    this.#queued += steps;
  }

  /** Takes the next id. What goes wrong with it ends this text. */
  take(chosen: number, logits: Float32Array | undefined): void {
    try {
      const { id, tokens, finishReason } = this.#progress.accept(chosen, logits);
      if (id !== undefined) this.#sequence.take(id);
      if (tokens.length > 0) this.#reader.push(tokens);
      if (finishReason) this.#end({ finishReason });
    } catch (error) {
      this.fail(error);
    }
  }

  /** Ends it with an error. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    this.#close();
    this.#reader.fail(error);
  }

  /** Whether an error is one of this text alone. */
  isFaultOf(model: DeviceModel, error: unknown): boolean {
    return this.#hasEnded || !isLoss(model, error);
  }

  /** Lets go of a device that is gone: it is to be read again from the beginning. */
  async forget(): Promise<void> {
    this.#queued = this.#progress.taken;
    await this.#sequence.free();
  }

  /** Frees what it has on the device, once it has ended. */
  free(): Promise<void> {
    return this.#sequence.end(this.#progress.told);
  }

  #end(result: GenerateResult): void {
    this.#close();
    this.#reader.end(result);
  }

  #close(): void {
    this.#hasEnded = true;
    this.#stopListening?.();
    this.#onEnd();
  }
}
