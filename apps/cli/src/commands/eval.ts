/** `blackmamba eval`: how well a model predicts a text. Figures go to stdout, everything else to stderr. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isInterruption, UsageError } from "../errors.ts";
import { readText } from "../eval/read-text.ts";
import { ResultsFile, SENTENCE } from "../eval/results-file.ts";
import { createTask, type Score, type Task, type TaskOptions } from "../eval/task.ts";
import { abortable, type Io } from "../io.ts";
import type { Library } from "../library.ts";
import { createProgressBar } from "../output/progress-bar.ts";
import { checkResultFile, writeResultFile } from "../output/result-file.ts";
import { formatDuration } from "../output/units.ts";
import { type LoadedModel, loadModel, type ModelOptions } from "./load-model.ts";

export interface EvalOptions extends ModelOptions, TaskOptions {
  readonly limit?: number | undefined;
  readonly resume?: string | undefined;
  readonly output?: string | undefined;
  readonly json?: boolean | undefined;
}

export async function evaluate(path: string, options: EvalOptions, io: Io, library: Library): Promise<void> {
  const { limit, resume, output, quantize } = options;
  checkPaths({ file: path, resume, output });
  const { text, bytes } = await readText(path, io.signal);
  const task = await createTask(text, options);
  const settings = { ...task.options, ...(quantize !== "none" && { quantize }) };
  // Whatever may be wrong is to be found before minutes of loading and computing.
  if (output !== undefined) await checkResultFile(output, true);
  const textHash = createHash("sha256").update(bytes).digest("hex");
  const identity = { task: options.task, textHash, options: settings };
  const results = resume === undefined ? undefined : await ResultsFile.read<Score>(resume, identity);
  const loaded = await loadModel(options, io, library);
  try {
    const texts = task.texts.slice(0, limit);
    const { result, durationMs, known } = await scoreTexts(task, texts, loaded, results, io);
    const { kind, name, software } = loaded.device;
    const report = {
      ...{ task: options.task, file: path, ...result, settings, limit, resumed: known, durationMs },
      device: { kind, name, software, reason: loaded.reason },
      model: loaded.folder,
    };
    const json = `${JSON.stringify(report)}\n`;
    io.stdout.write(options.json === true ? json : task.formatResult(result));
    if (output !== undefined) await writeResultFile(output, json);
    const found = known > 0 ? ` and ${known} known before` : "";
    io.stderr.write(`${task.formatTexts(texts.length - known)} in ${formatDuration(durationMs)}${found}\n`);
  } finally {
    await results?.close();
  }
  await loaded.dispose();
}

/** Scores what is not known yet, with a bar meanwhile. Where that breaks off, says what becomes of the results. */
async function scoreTexts(
  task: Task,
  texts: readonly string[],
  { model, folder }: LoadedModel,
  results: ResultsFile<Score> | undefined,
  io: Io,
) {
  const known = results?.known.filter(({ index }) => index < texts.length) ?? [];
  const bar = createProgressBar(io.stderr, "scoring", task.formatTotal);
  const start = performance.now();
  let scored = known.length;
  try {
    const sentence = (await model.tokenizer?.encode(SENTENCE)) ?? [];
    await results?.begin({ name: folder, fingerprint: model.fingerprint, sentence });
    const running = task.run(model, texts, {
      known,
      async onScore(score) {
        await results?.append(score);
        scored += 1;
        // A device that computes on this thread would otherwise keep Ctrl-C from being noticed.
        await setImmediate();
      },
      onProgress: ({ done, total }) => bar.update(done, total),
      signal: io.signal,
    });
    const result = await abortable(running, io.signal);
    return { result, durationMs: performance.now() - start, known: known.length };
  } catch (error) {
    bar.stop();
    if (scored > 0 && (!io.signal.aborted || isInterruption(io.signal))) {
      const fate = results
        ? `kept in ${results.path}: the same command goes on from there`
        : "lost: with --resume FILE they would have been kept";
      io.stderr.write(`stopped after ${scored} of ${task.formatTexts(texts.length)}, ${fate}\n`);
    }
    throw error;
  } finally {
    bar.stop();
  }
}

/** No file is to be written over another. */
function checkPaths(paths: Readonly<Record<"file" | "resume" | "output", string | undefined>>): void {
  const seen = new Map<string, string>();
  for (const [name, path] of Object.entries(paths)) {
    if (path === undefined) continue;
    const before = seen.get(resolve(path));
    if (before !== undefined) throw new UsageError(`--${name}`, `another file than ${before}`, JSON.stringify(path));
    seen.set(resolve(path), name === "file" ? "the text" : `--${name}`);
  }
}
