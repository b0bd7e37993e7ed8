/** One text, which is shown as it comes. */
import { setImmediate } from "node:timers/promises";
import { isInterruption } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Model, TextOptions } from "../library.ts";
import { startTextTimes, type TextTimes } from "../output/text-times.ts";
import { type TextEnd, TextRecord, type TextReport } from "./text-record.ts";

/** A text, and how long it took. */
export interface WrittenText {
  readonly report: TextReport;
  readonly times: TextTimes;
}

/**
 * Shows prompt and continuation. The prompt waits for the first token, so that a failure before it leaves nothing behind; whatever was
 * shown ends with a line end.
 *
 * @param show - `undefined` where nothing is to be shown before the end
 */
export async function writeText(
  model: Model,
  prompt: string,
  options: TextOptions,
  io: Pick<Io, "signal">,
  show: ((text: string) => void) | undefined,
): Promise<WrittenText> {
  let shown = "";
  const write = (text: string): void => {
    if (text === "") return;
    show?.(text);
    shown = text;
  };
  // A state that goes along is where the text is, to the token: then the model itself is to end, which it does at once.
  const wait = <T>(promise: Promise<T>) => (options.state ? promise : abortable(promise, io.signal));

  const record = new TextRecord(model.tokenizer);
  const meter = startTextTimes();
  let finishReason: TextEnd;
  try {
    const tokens = model.generate(prompt, options);
    for (let isFirst = true; ; isFirst = false) {
      const next = await wait(tokens.next());
      if (isFirst) write(prompt);
      if (next.done === true) {
        ({ finishReason } = next.value);
        break;
      }
      meter.token();
      record.add(next.value);
      write(next.value.text);
      // A device that computes on this thread would otherwise keep Ctrl-C and a closed pipe from being noticed.
      await wait(setImmediate());
    }
  } catch (error) {
    if (!isInterruption(io.signal)) throw error;
    finishReason = "interrupted";
  } finally {
    if (shown !== "" && !shown.endsWith("\n")) write("\n");
  }
  return { report: record.report(finishReason), times: meter.end() };
}
