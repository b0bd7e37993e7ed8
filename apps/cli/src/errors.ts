/**
 * How a command can end other than well, and what is said then. Says nothing about mistakes in models or on devices:
 * those come from the library, with messages of their own.
 */
import { CommanderError } from "commander";
import type { Io } from "./io.ts";

/** Exit codes: 0 done, 1 a failure, 2 wrong use, 130 interrupted, 143 terminated. */
export type ExitCode = 0 | 1 | 2 | 130 | 143;

/** The command line itself is wrong. */
export class UsageError extends Error {
  readonly code = "ERR_USAGE";

  constructor(thing: string, expected: string, found: string) {
    super(`${thing}: expected ${expected}, found ${found}`);
    this.name = "UsageError";
  }
}

/** What is read or written by the command itself, not by the library, fails. */
export class StreamError extends Error {
  readonly code = "ERR_STREAM";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StreamError";
  }
}

/** Something stands in the way where a model is to be written. */
export class OutputError extends Error {
  readonly code = "ERR_OUTPUT";

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = "OutputError";
  }
}

/** A command or a file of a chat is not what it should be. */
export class ChatError extends Error {
  readonly code = "ERR_CHAT";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ChatError";
  }
}

/** A model is asked for that the cache does not have. */
export class NotCachedError extends Error {
  readonly code = "ERR_NOT_CACHED";

  constructor(name: string, known: readonly string[]) {
    super(
      `${name}: expected a model in the cache, found ${known.join(", ") || "none there"}; see: blackmamba cache list`,
    );
    this.name = "NotCachedError";
  }
}

/** Files in the cache are not what was published. */
export class CacheCheckError extends Error {
  readonly code = "ERR_CACHE_CHECK";

  constructor(names: readonly string[]) {
    super(
      `${names.join(", ")}: files expected as they were published, others found; ` +
        `delete and load again: blackmamba cache remove ${names.join(" ")}`,
    );
    this.name = "CacheCheckError";
  }
}

/** A bench that this machine cannot finish. */
export class BenchTooLargeError extends Error {
  readonly code = "ERR_BENCH_TOO_LARGE";

  constructor(message: string) {
    super(message);
    this.name = "BenchTooLargeError";
  }
}

/** A file that should hold an earlier bench's report. */
export class ReportFileError extends Error {
  readonly code = "ERR_REPORT_FILE";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ReportFileError";
  }
}

/** A file with what a server is to know cannot be read, or holds nothing. */
export class ServerFileError extends Error {
  readonly code = "ERR_SERVER_FILE";

  constructor(option: string, message: string, options?: ErrorOptions) {
    super(`${option}: ${message}`, options);
    this.name = "ServerFileError";
  }
}

/** A file that a command is to read cannot be read, or is not what it should be. */
export class InputFileError extends Error {
  readonly code = "ERR_INPUT_FILE";

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = "InputFileError";
  }
}

/** A file of results that an evaluation cannot go on from, or cannot write to. */
export class ResultsFileError extends Error {
  readonly code = "ERR_RESULTS_FILE";

  constructor(path: string, message: string, options?: ErrorOptions) {
    super(`${path}: ${message}`, options);
    this.name = "ResultsFileError";
  }
}

/** The model's folder holds no tokenizer: the library does with ids, but here prompts and results are text. */
export class MissingTokenizerError extends Error {
  readonly code = "ERR_MISSING_TOKENIZER";

  constructor(folder: string) {
    super(
      `${folder}: tokenizer.json is missing, which makes tokens of text; put the one that the model was trained with ` +
        "into this folder (published BlackMamba checkpoints use that of EleutherAI/gpt-neox-20b)",
    );
    this.name = "MissingTokenizerError";
  }
}

/** Someone asked the command to stop: nothing is to be said about it. */
export class StopError extends Error {
  readonly code = "ERR_STOPPED";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = "StopError";
    this.exitCode = exitCode;
  }
}

/** Whether a signal was aborted by Ctrl-C. */
export function isInterruption({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof StopError && reason.exitCode === 130;
}

/** Codes of the library's errors that a different command line would cure. */
const WRONG_USE = new Set(["ERR_USAGE", "ERR_OPTION", "ERR_PROMPT"]);

/** Says in one line what went wrong, if anything did, and returns what to exit with. */
export function reportError(error: unknown, helpCommand: string, io: Pick<Io, "stderr" | "env">): ExitCode {
  if (error instanceof StopError) return error.exitCode;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // Without a command, the help was printed and says more than a line could.
    if (error.code !== "commander.help") say(`${commanderMessage(error)}; see ${helpCommand}`);
    return 2;
  }
  const code = codeOf(error);
  if (code === undefined) {
    // A mistake in this program: name it as such, and the way to learn more.
    say(`internal error: ${oneLine(messageOf(error))}; set BLACKMAMBA_DEBUG=1 to see where, and please report it`);
  } else {
    say(`${oneLine(messageOf(error))}${code === "ERR_USAGE" ? `; see ${helpCommand}` : ""}`);
  }
  if (io.env["BLACKMAMBA_DEBUG"] === "1") io.stderr.write(`${stackOf(error)}\n`);
  return code !== undefined && WRONG_USE.has(code) ? 2 : 1;

  function say(message: string): void {
    io.stderr.write(`blackmamba: ${message}\n`);
  }
}

/** As commander says it, in this program's form, with the cure where it has none. */
function commanderMessage({ code, message }: CommanderError): string {
  const text = oneLine(message.replace(/^error: /, "")).replace(/\.$/, "");
  return code === "commander.excessArguments" && text.includes("'generate'")
    ? `${text}; put a prompt of several words in quotes`
    : text;
}

/** Errors made on purpose carry a code: those of the library, and those of the operating system. */
function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}

function oneLine(message: string): string {
  return message.trim().replaceAll(/\s*\n\s*/g, " ");
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
