/**
 * `blackmamba generate`: text from a model. The text goes to stdout as it comes, what is said about it to stderr.
 */
import { setImmediate } from "node:timers/promises";
import { isInterruption } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Library, Model } from "../library.ts";
import { formatTextTimes, startTextTimes, type TextTimes } from "../output/text-times.ts";
import { readPrompt } from "../prompt.ts";
import { type TextSampling, textSampling } from "../text-sampling.ts";
import { loadModel, type ModelOptions } from "./load-model.ts";

export interface GenerateOptions extends ModelOptions, TextSampling {
  readonly json?: boolean | undefined;
}

/** What `--json` prints. Durations are measured from the moment the model is loaded. */
export interface GenerateResult extends TextTimes {
  readonly prompt: string;
  /** The continuation alone. */
  readonly text: string;
  /** Ids of the continuation. */
  readonly ids: readonly number[];
  readonly promptTokens: number | undefined;
  readonly stopReason: StopReason;
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
  io.stderr.write(`${formatTextTimes(run)}\n`);
  await dispose();
}

type Run = TextTimes & Pick<GenerateResult, "text" | "ids" | "stopReason">;

/**
 * Writes prompt and continuation as they come, unless JSON was asked for. The prompt waits for the first token, so that
 * a failure before it leaves nothing behind; whatever was written ends with a line end.
 */
async function continueText(model: Model, prompt: string, options: GenerateOptions, io: Io): Promise<Run> {
  let shown = "";
  const show = (text: string): void => {
    if (options.json === true || text === "") return;
    io.stdout.write(text);
    shown = text;
  };

  let text = "";
  const ids: number[] = [];
  let stopReason: StopReason;
  const meter = startTextTimes();
  try {
    const pieces = model.generate(prompt, { ...textSampling(options), signal: io.signal })[Symbol.asyncIterator]();
    for (;;) {
      const piece = await abortable(pieces.next(), io.signal);
      if (ids.length === 0) show(prompt);
      if (piece.done === true) break;
      meter.token();
      ids.push(piece.value.id);
      text += piece.value.text;
      show(piece.value.text);
      // A device that computes on this thread would otherwise keep Ctrl-C and a closed pipe from being noticed.
      await abortable(setImmediate(), io.signal);
    }
    stopReason = ids.length < options.maxTokens ? "end" : "length";
  } catch (error) {
    if (!isInterruption(io.signal)) throw error;
    stopReason = "interrupted";
  } finally {
    if (shown !== "" && !shown.endsWith("\n")) show("\n");
  }
  return { text, ids, stopReason, ...meter.end() };
}
