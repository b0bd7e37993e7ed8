/** What `--task` and its options make of a file: texts to be scored, and how. */
import type {
  DocumentScore,
  EvalProgress,
  LambadaResult,
  LambadaScore,
  PerplexityResult,
  WindowOptions,
} from "@blackmamba/eval";
import { UsageError } from "../errors.ts";
import type { Model } from "../library.ts";
import type { EvalTask } from "../options.ts";
import { formatBytes, formatCount } from "../output/units.ts";
import { formatLambada, formatPerplexity } from "./format-figures.ts";

export interface TaskOptions extends WindowOptions {
  readonly task: EvalTask;
  readonly separator?: string | undefined;
  readonly startId?: number | undefined;
}

/** A result of one text, as it is kept. */
export type Score = DocumentScore | LambadaScore;

/** How a run is fed and watched. */
export interface Scoring {
  /** What is known of this task already. */
  readonly known: readonly Score[];
  readonly onScore: (score: Score) => Promise<void>;
  readonly onProgress: (progress: EvalProgress) => void;
  readonly signal: AbortSignal;
}

/** A task over a file. */
export interface Task {
  readonly texts: readonly string[];
  /** What the texts are called: `24 documents`. */
  formatTexts(count: number): string;
  /** How its progress is told. */
  formatTotal(total: number): string;
  /** Options that change results, defaults filled in, by their names on the command line. */
  readonly options: Readonly<Record<string, string | number>>;
  run(model: Model, texts: readonly string[], scoring: Scoring): Promise<PerplexityResult | LambadaResult>;
  formatResult(result: PerplexityResult | LambadaResult): string;
}

/** Reads a file's text for a task. Options that belong to the other task are refused. */
export async function createTask(text: string, options: TaskOptions): Promise<Task> {
  const evaluation = await import("@blackmamba/eval");
  const { task, context, stride = context, startId } = options;
  const startOption = startId === undefined ? {} : { "start-id": startId };
  if (task === "lambada") {
    for (const name of ["separator", "context", "stride"] as const) {
      if (options[name] !== undefined) throw new UsageError(`--${name}`, "the task perplexity", "the task lambada");
    }
    const formatTexts = (count: number) => `${formatCount(count)} ${count === 1 ? "passage" : "passages"}`;
    return {
      texts: evaluation.parseLambada(text),
      formatTexts,
      formatTotal: formatTexts,
      options: startOption,
      // A file's results are read as those of its task.
      run: (model, texts, { known, ...scoring }) =>
        evaluation.lambada(model, texts, { ...scoring, startId, known: known as readonly LambadaScore[] }),
      formatResult: (result) => formatLambada(result as LambadaResult),
    };
  }
  evaluation.checkWindows(options);
  const windows = context === undefined ? {} : { context, stride: stride as number };
  const separator = options.separator ?? evaluation.DOCUMENT_SEPARATOR;
  return {
    texts: evaluation.splitDocuments(text, separator),
    formatTexts: (count) => `${formatCount(count)} ${count === 1 ? "document" : "documents"}`,
    formatTotal: formatBytes,
    options: { separator, ...windows, ...startOption },
    run: (model, texts, { known, ...scoring }) =>
      evaluation.perplexity(model, texts, {
        ...scoring,
        ...windows,
        startId,
        known: known as readonly DocumentScore[],
      }),
    formatResult: (result) => formatPerplexity(result as PerplexityResult),
  };
}
