/**
 * `blackmamba generate`: text from a model. The text goes to stdout as it comes, what is said about it to stderr.
 */
import { setImmediate } from "node:timers/promises";
import type { GenerateOptions as GenerationOptions } from "@blackmamba/model";
import { isInterruption } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Library, Model } from "../library.ts";
import { formatDuration } from "../output/units.ts";
import { readPrompt } from "../prompt.ts";
import { loadModel, type ModelOptions } from "./load-model.ts";

export interface GenerateOptions extends ModelOptions {
  readonly maxTokens: number;
  readonly temperature?: number | undefined;
  readonly topK?: number | undefined;
  readonly topP?: number | undefined;
  readonly minP?: number | undefined;
  readonly repetitionPenalty?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly json?: boolean | undefined;
}

/** What `--json` prints. Durations are measured from the moment the model is loaded. */
export interface GenerateResult {
  readonly prompt: string;
  /** The continuation alone. */
  readonly text: string;
  /** Ids of the continuation. */
  readonly ids: readonly number[];
  readonly promptTokens: number | undefined;
  readonly tokens: number;
  readonly stopReason: StopReason;
  readonly firstTokenMs: number | undefined;
  readonly durationMs: number;
  /** Of the tokens after the first, which alone waits for the prompt to be read. */
  readonly tokensPerSecond: number | undefined;
  readonly device: {
    readonly kind: string;
    readonly name: string;
    readonly software: boolean;
    readonly reason: string;
  };
  readonly model: string;
}

/** `end`: the model ended the text, or one of `--stop` came. `length`: `--max-tokens` were written. `interrupted`: Ctrl-C. */
export type StopReason = "end" | "length" | "interrupted";

export async function generate(
  promptArgument: string | undefined,
  options: GenerateOptions,
  io: Io,
  library: Library,
): Promise<void> {
  const prompt = await readPrompt(promptArgument, io);
  const { model, device, reason, folder, dispose } = await loadModel(options, io, library);

  const run = await continueText(model, prompt, options, io);
  if (options.json === true) {
    const { kind, name, software } = device;
    const promptTokens = model.tokenizer?.encodePrompt(prompt).length;
    const result: GenerateResult = {
      prompt,
      ...run,
      promptTokens,
      device: { kind, name, software, reason },
      model: folder,
    };
    io.stdout.write(`${JSON.stringify(result)}\n`);
  }
  if (run.stopReason === "interrupted") throw io.signal.reason;
  io.stderr.write(`${summarise(run)}\n`);
  await dispose();
}

type Run = Pick<
  GenerateResult,
  "text" | "ids" | "tokens" | "stopReason" | "firstTokenMs" | "durationMs" | "tokensPerSecond"
>;

/**
 * Writes prompt and continuation as they come, unless JSON was asked for. The prompt waits for the first token, so that
 * a failure before it leaves nothing behind; whatever was written ends with a line end.
 */
async function continueText(model: Model, prompt: string, options: GenerateOptions, io: Io): Promise<Run> {
  const { maxTokens, temperature, topK, topP, minP, repetitionPenalty, seed, stop } = options;
  const sampling: GenerationOptions = {
    maxTokens,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    seed,
    stop,
    signal: io.signal,
  };
  let shown = "";
  const show = (text: string): void => {
    if (options.json === true || text === "") return;
    io.stdout.write(text);
    shown = text;
  };

  let text = "";
  const ids: number[] = [];
  let firstTokenMs: number | undefined;
  let stopReason: StopReason;
  const start = performance.now();
  try {
    const pieces = model.generate(prompt, sampling)[Symbol.asyncIterator]();
    for (;;) {
      const piece = await abortable(pieces.next(), io.signal);
      if (firstTokenMs === undefined) show(prompt);
      if (piece.done === true) break;
      firstTokenMs ??= performance.now() - start;
      ids.push(piece.value.id);
      text += piece.value.text;
      show(piece.value.text);
      // A device that computes on this thread would otherwise keep Ctrl-C and a closed pipe from being noticed.
      await abortable(setImmediate(), io.signal);
    }
    stopReason = ids.length < maxTokens ? "end" : "length";
  } catch (error) {
    if (!isInterruption(io.signal)) throw error;
    stopReason = "interrupted";
  } finally {
    if (shown !== "" && !shown.endsWith("\n")) show("\n");
  }
  const durationMs = performance.now() - start;

  const laterMs = durationMs - (firstTokenMs ?? 0);
  const tokensPerSecond = ids.length > 1 && laterMs > 0 ? ((ids.length - 1) * 1000) / laterMs : undefined;
  return { text, ids, tokens: ids.length, stopReason, firstTokenMs, durationMs, tokensPerSecond };
}

function summarise({ tokens, durationMs, firstTokenMs, tokensPerSecond }: Run): string {
  const count = `${tokens} ${tokens === 1 ? "token" : "tokens"} in ${formatDuration(durationMs)}`;
  const first = firstTokenMs === undefined ? "" : `, the first after ${formatDuration(firstTokenMs)}`;
  const rate = tokensPerSecond === undefined ? "" : `, then ${tokensPerSecond.toFixed(1)} tok/s`;
  return `${count}${first}${rate}`;
}
