/** Several texts of one prompt, which are written together and shown one after another. */
import { setImmediate } from "node:timers/promises";
import type { GenerateBatchOptions, GenerateResult } from "@blackmamba/model";
import { isInterruption } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Model } from "../library.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { startTextTimes, type TextTimes } from "../output/text-times.ts";
import { type TextEnd, TextRecord, type TextReport } from "./text-record.ts";

/** Texts, and how long they took together. */
export interface WrittenSamples {
  readonly reports: readonly TextReport[];
  readonly times: TextTimes;
}

/** What is said of each, and of all. */
export interface SampleOptions extends GenerateBatchOptions {
  readonly n: number;
  readonly maxTokens: number;
}

/**
 * Shows the texts at their end, or where it breaks off, unless there is nothing of them; a bar before.
 *
 * @param show - `undefined` where nothing is to be shown
 */
export async function writeSamples(
  model: Model,
  prompt: string,
  options: SampleOptions,
  io: Pick<Io, "signal" | "stderr">,
  show: ((text: string) => void) | undefined,
): Promise<WrittenSamples> {
  const { n, maxTokens } = options;
  const records = Array.from({ length: n }, () => new TextRecord(model.tokenizer));
  const meter = startTextTimes();
  const bar = createProgressBar(io.stderr, "writing", (total) => `${total} tokens`);
  let written = 0;
  let results: readonly GenerateResult[] = [];
  try {
    const tokens = model.generateBatch([prompt], options);
    for (;;) {
      const next = await abortable(tokens.next(), io.signal);
      if (next.done === true) {
        results = next.value;
        break;
      }
      meter.token();
      written += 1;
      records[next.value.sample]?.add(next.value);
      bar.update(written, n * maxTokens);
      // A device that computes on this thread would otherwise keep Ctrl-C and a closed pipe from being noticed.
      await abortable(setImmediate(), io.signal);
    }
  } catch (error) {
    if (!isInterruption(io.signal)) throw error;
  } finally {
    bar.stop();
    if (written > 0 || results.length > 0) show?.(formatSamples(prompt, records));
  }
  const reports = records.map((record, sample) => {
    const atBreak: TextEnd = record.tokens === maxTokens ? "length" : "interrupted";
    return record.report(results[sample]?.finishReason ?? atBreak);
  });
  return { reports, times: meter.end() };
}

/** Each under its number. */
function formatSamples(prompt: string, records: readonly TextRecord[]): string {
  const texts = records.map(({ text }, sample) => {
    const whole = `${prompt}${text}`;
    return `[${sample + 1} of ${records.length}]\n${whole}${whole.endsWith("\n") ? "" : "\n"}`;
  });
  return texts.join("\n");
}
