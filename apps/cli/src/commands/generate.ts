/**
 * `blackmamba generate`: text from a model. The text goes to stdout as it comes, what is said about it to stderr.
 */
import { UsageError } from "../errors.ts";
import { KeptState, openStateFiles, type StateOptions } from "../generate/kept-state.ts";
import type { TextReport } from "../generate/text-record.ts";
import { writeSamples } from "../generate/write-samples.ts";
import { type WrittenText, writeText } from "../generate/write-text.ts";
import type { Io } from "../io.ts";
import type { Library, Model } from "../library.ts";
import { formatTextTimes, type TextTimes } from "../output/text-times.ts";
import { DEFAULT_PROMPT, readPrompt } from "../prompt.ts";
import { type TextSamplingOptions, textSampling } from "../text-sampling.ts";
import { loadModel, type ModelOptions } from "./load-model.ts";

export interface GenerateOptions extends ModelOptions, TextSamplingOptions, StateOptions {
  readonly samples?: number | undefined;
  readonly logprobs?: number | undefined;
  readonly json?: boolean | undefined;
}

/**
 * What `--json` prints: of one text, or with `--samples` of each, and the tokens of all. Durations are measured from the moment the model
 * is loaded.
 */
export type GenerateReport = (TextReport | { readonly samples: readonly TextReport[] }) &
  TextTimes & {
    readonly prompt: string;
    readonly promptTokens: number | undefined;
    readonly device: {
      readonly kind: string;
      readonly name: string;
      readonly software: boolean;
      readonly reason: string;
    };
    readonly model: string;
  };

export async function generate(
  promptArgument: string | undefined,
  options: GenerateOptions,
  io: Io,
  library: Library,
): Promise<void> {
  checkTogether(options);
  const files = await openStateFiles(options, io.signal);
  const prompt = await readPrompt(promptArgument, io, files.origin ? "" : DEFAULT_PROMPT);
  const { model, device, reason, folder, dispose } = await loadModel(options, io, library);
  const kept = await KeptState.open(model, files);
  const promptTokens = await countTokens(model, prompt, (kept?.state.position ?? 0) > 0);

  const { kind, name, software } = device;
  const tell = (run: (TextReport | { readonly samples: readonly TextReport[] }) & TextTimes) => {
    if (options.json !== true) return;
    const about = { promptTokens, device: { kind, name, software, reason }, model: folder };
    io.stdout.write(`${JSON.stringify({ prompt, ...run, ...about } satisfies GenerateReport)}\n`);
  };
  const show = options.json === true ? undefined : (text: string): void => void io.stdout.write(text);
  const wanted = generationOptions(options, io.signal);
  let times: TextTimes;
  if (options.samples === undefined) {
    const written = await writeKept(kept, io, () =>
      writeText(model, prompt, { ...wanted, ...(kept && { state: kept.state }) }, io, show),
    );
    ({ times } = written);
    tell({ ...written.report, ...times });
    await kept?.save(io, written.report.finishReason === "interrupted");
  } else {
    const written = await writeSamples(model, prompt, { ...wanted, n: options.samples }, io, show);
    ({ times } = written);
    tell({ samples: written.reports, ...times });
  }
  // Nothing more is said after Ctrl-C.
  io.signal.throwIfAborted();
  io.stderr.write(`${formatTextTimes(times)}\n`);
  await dispose();
}

/** Writes a text. Where that fails, what the text has come to is saved all the same, if it can be: the failure is what is told. */
async function writeKept(kept: KeptState | undefined, io: Io, write: () => Promise<WrittenText>): Promise<WrittenText> {
  try {
    return await write();
  } catch (error) {
    await kept?.save(io, true).catch(() => {});
    throw error;
  }
}

/** As the library has them; what was not given is left to it. */
function generationOptions(options: GenerateOptions, signal: AbortSignal) {
  const { samples = 1, logprobs } = options;
  const sampling = textSampling(options);
  // Several times the likeliest text would be one text.
  const temperature = sampling.temperature ?? (samples > 1 ? 1 : undefined);
  return { ...sampling, temperature, logprobs, signal };
}

/** Options that are right alone, but not with each other. */
function checkTogether(options: GenerateOptions): void {
  const { json, logprobs, samples, saveState, loadState, minTokens = 0, maxTokens } = options;
  if (logprobs !== undefined && json !== true) {
    throw new UsageError("--logprobs", "--json beside it, as text has no place for them", "none");
  }
  if (minTokens > maxTokens) {
    throw new UsageError("--min-tokens", `at most --max-tokens, ${maxTokens}`, String(minTokens));
  }
  const state = Object.entries({ "--save-state": saveState, "--load-state": loadState }).find(([, path]) => path);
  if (samples !== undefined && state) {
    throw new UsageError("--samples", `no ${state[0]}, as a state goes along with one text`, "both");
  }
}

/** Tokens of the prompt; one that continues a state begins no text. */
async function countTokens({ tokenizer }: Model, prompt: string, isContinued: boolean): Promise<number | undefined> {
  return (isContinued ? await tokenizer?.encode(prompt) : tokenizer?.encodePrompt(prompt))?.length;
}
