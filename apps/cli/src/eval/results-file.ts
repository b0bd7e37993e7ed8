/**
 * Results as they come, a line of JSON each, so that a run that was interrupted or killed can go on. The first line says what they are
 * results of. Knows nothing of how they are computed.
 */
import { type FileHandle, open, readFile, stat } from "node:fs/promises";
import { ResultsFileError } from "../errors.ts";
import type { EvalTask } from "../options.ts";

/** What results are of, as far as it is known before the model is loaded. */
export interface RunIdentity {
  readonly task: EvalTask;
  /** SHA-256 of the text's file. */
  readonly textHash: string;
  /** Options that change results, by their names; those that were not given are left out. */
  readonly options: Readonly<Record<string, string | number>>;
}

/** The model that results are of. */
export interface ModelIdentity {
  /** As the user named it: for people, as the same may lie elsewhere. */
  readonly name: string;
  /** Of its weights, as `model.fingerprint`. */
  readonly fingerprint: string;
  /** What its tokenizer makes of {@link SENTENCE}: another one would make something else of the text. */
  readonly sentence: readonly number[];
}

/** Of words, numbers, signs and letters that tokenizers treat differently. */
export const SENTENCE = "Once upon a time, in 1984,\n a naïve snake read the news: it was 7 p.m.  and 20 °C. 🐍";

/** The file's first line. */
interface Header extends RunIdentity {
  readonly kind: typeof KIND;
  readonly format: typeof FORMAT;
  readonly model: ModelIdentity;
}

const KIND = "blackmamba eval";
const FORMAT = 1;

/** Numbers that each task's results have. */
const NUMBERS: Readonly<Record<EvalTask, readonly string[]>> = {
  perplexity: ["index", "tokens", "words", "bytes", "nll"],
  lambada: ["index", "tokens", "logprob"],
};

/** A file of results that is read, and then added to. */
export class ResultsFile<Score> {
  /** What the file has already. */
  readonly known: readonly Score[];
  readonly path: string;
  readonly #identity: RunIdentity;
  readonly #before: Header | undefined;
  /** Bytes of whole lines: a process that was killed may have left half a one behind them. */
  readonly #wholeByteLength: number;
  #file: FileHandle | undefined;
  /** Where the next line goes. */
  #end = 0;

  /**
   * Reads a file, if it is there. Writes nothing yet.
   *
   * @throws ResultsFileError where it is none of these results
   */
  static async read<Score>(path: string, identity: RunIdentity): Promise<ResultsFile<Score>> {
    const bytes = await readIfThere(path);
    if (bytes.byteLength === 0) return new ResultsFile<Score>(path, identity, undefined, [], 0);
    const wholeByteLength = bytes.lastIndexOf("\n") + 1;
    const lines = bytes.subarray(0, wholeByteLength).toString("utf8").split("\n").slice(0, -1);
    const header = readHeader(path, lines[0]);
    checkIdentity(path, header, identity);
    const known = lines.slice(1).map((line, index) => readScore<Score>(path, line, index + 2, identity.task));
    return new ResultsFile(path, identity, header, known, wholeByteLength);
  }

  private constructor(
    path: string,
    identity: RunIdentity,
    before: Header | undefined,
    known: readonly Score[],
    wholeByteLength: number,
  ) {
    this.path = path;
    this.#identity = identity;
    this.#before = before;
    this.known = known;
    this.#wholeByteLength = wholeByteLength;
  }

  /**
   * Opens the file for results of a model.
   *
   * @throws ResultsFileError where it has another model's, or cannot be written
   */
  async begin(model: ModelIdentity): Promise<void> {
    const before = this.#before?.model;
    if (before && !isSame(before, model)) {
      const found = `those of another, which was at ${before.name}`;
      throw new ResultsFileError(
        this.path,
        `expected results of the model ${model.name}, found ${found}; name that model, or another file`,
      );
    }
    await this.#write(async () => {
      // Not appending by the system's own means: what is half a line is written over.
      this.#file = await open(this.path, before ? "r+" : "w");
      if (before) await this.#file.truncate(this.#wholeByteLength);
      this.#end = this.#wholeByteLength;
    });
    if (!before) await this.#append({ kind: KIND, format: FORMAT, ...this.#identity, model } satisfies Header);
  }

  /** Adds a result. Once this resolves, a process that is killed leaves it behind. */
  append(score: Score): Promise<void> {
    return this.#append(score);
  }

  /** Ends it. Safe to call twice, and before it has begun. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #append(value: unknown): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    await this.#write(async () => {
      for (let done = 0; done < line.byteLength; ) {
        const { bytesWritten } = await (this.#file as FileHandle).write(line, done, line.byteLength - done, this.#end);
        done += bytesWritten;
        this.#end += bytesWritten;
      }
    });
  }

  async #write(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (cause) {
      const { message } = cause as Error;
      throw new ResultsFileError(this.path, `expected to write results, but could not (${message})`, { cause });
    }
  }
}

/** The bytes of a file; none of one that is not there. */
async function readIfThere(path: string): Promise<Buffer> {
  try {
    // A device or a pipe may have no end.
    if ((await stat(path)).isFile()) return await readFile(path);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return Buffer.alloc(0);
    throw new ResultsFileError(path, `expected a file of results, but it cannot be read (${message})`, { cause });
  }
  throw new ResultsFileError(path, "expected a file of results, found a folder, a device or a pipe; name a file");
}

function readHeader(path: string, line: string | undefined): Header {
  const header = parse(line) as Partial<Header> | undefined;
  if (header?.kind !== KIND) {
    throw new ResultsFileError(
      path,
      "expected results of blackmamba eval, found another file; name one that is not there yet",
    );
  }
  if (header.format !== FORMAT) {
    const found = `format ${String(header.format)}`;
    throw new ResultsFileError(path, `expected results in format ${FORMAT}, found ${found}; begin another file`);
  }
  return header as Header;
}

function checkIdentity(path: string, before: Header, now: RunIdentity): void {
  const refuse = (expected: string, found: string): never => {
    throw new ResultsFileError(path, `expected results of ${expected}, found those of ${found}; name another file`);
  };
  if (before.task !== now.task) refuse(`the task ${now.task}`, before.task);
  if (before.textHash !== now.textHash) refuse("this text", "another text");
  for (const name of new Set([...Object.keys(now.options), ...Object.keys(before.options)])) {
    const [expected, found] = [now.options[name], before.options[name]];
    if (expected === found) continue;
    const said = (value: string | number | undefined) =>
      value === undefined ? `no --${name}` : `--${name} ${JSON.stringify(value)}`;
    refuse(said(expected), said(found));
  }
}

function isSame(one: ModelIdentity, other: ModelIdentity): boolean {
  return one.fingerprint === other.fingerprint && one.sentence.join() === other.sentence.join();
}

function readScore<Score>(path: string, line: string, number: number, task: EvalTask): Score {
  const score = parse(line);
  const isScore = NUMBERS[task].every((name) => typeof score?.[name] === "number");
  if (isScore && (task !== "lambada" || typeof score?.["correct"] === "boolean")) return score as Score;
  throw new ResultsFileError(
    path,
    `line ${number}: expected a result of the task ${task}, found ${JSON.stringify(line.slice(0, 40))}; ` +
      "delete the line, and it is computed again",
  );
}

function parse(line: string | undefined): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line ?? "");
  } catch {
    return undefined;
  }
}
