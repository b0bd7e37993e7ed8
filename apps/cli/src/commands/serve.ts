/** `blackmamba serve`: a model over HTTP, until it is told to stop. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { RequestRecord } from "@blackmamba/server";
import { ServerFileError, StopError, UsageError } from "../errors.ts";
import { abortable, type Io } from "../io.ts";
import type { Library, Model } from "../library.ts";
import { formatDuration } from "../output/units.ts";
import { type LoadedModel, loadModel, type ModelOptions } from "./load-model.ts";

export interface ServeCommandOptions extends ModelOptions {
  readonly name?: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly apiKeyFile?: string | undefined;
  readonly batchSize: number;
  readonly queue: number;
  /** In milliseconds. */
  readonly timeout: number;
  readonly maxTokens: number;
  readonly maxPromptTokens: number;
  /** In bytes. */
  readonly bodyLimit: number;
  /** In bytes. */
  readonly prefixCache: number;
  readonly chatTemplate?: string | undefined;
  readonly cors?: readonly string[] | undefined;
  /** In milliseconds. */
  readonly shutdownTimeout: number;
  readonly quiet?: boolean | undefined;
}

export async function serve(options: ServeCommandOptions, io: Io, library: Library): Promise<void> {
  const keys = await readKeys(options, io);
  const folder = options.model ?? (await library.defaultModelFolder());
  const chatTemplate =
    options.chatTemplate === undefined
      ? await abortable(library.findChatTemplate(folder, io.signal), io.signal)
      : await readText("--chat-template", options.chatTemplate);
  const say = (line: string) => io.stderr.write(`${line}\n`);

  let loaded: LoadedModel | undefined;
  const load = async (): Promise<Model> => {
    loaded = await loadModel(options, io, library);
    return loaded.model;
  };
  const server = await library.serve(load, {
    ...{ host: options.host, port: options.port, keys, chatTemplate, corsOrigins: options.cors },
    ...{ modelName: options.name ?? nameOf(options.model), batchSize: options.batchSize, queueSize: options.queue },
    ...{ timeoutMs: options.timeout, prefixCacheByteLength: options.prefixCache },
    limits: {
      maxTokens: options.maxTokens,
      promptTokens: options.maxPromptTokens,
      bodyByteLength: options.bodyLimit,
    },
    onRequest(record) {
      if (options.quiet !== true && !isProbe(record)) say(formatRecord(record));
      if (record.status === 500) say(formatCause(record, io.env["BLACKMAMBA_DEBUG"] === "1"));
    },
  });
  if (keys.length === 0 && !isLoopback(server.url)) {
    say(`warning: without keys, everyone who reaches ${server.url} may ask; see --api-key-file`);
  }
  await abortable(server.ready, io.signal);
  io.stdout.write(`${server.url}\n`);

  if (!io.signal.aborted) await once(io.signal, "abort");
  say("shutting down: finishing what is under way");
  await server.close({ deadlineMs: options.shutdownTimeout });
  await loaded?.dispose();
  // It was told to stop, and has: that is how a server ends well.
  throw new StopError("shut down", 0);
}

/** From the file and the environment. One that is named and holds none would leave the server open to all. */
async function readKeys({ apiKeyFile }: ServeCommandOptions, io: Io): Promise<string[]> {
  const { parseKeys } = await import("@blackmamba/server");
  const variable = io.env["BLACKMAMBA_API_KEYS"];
  const fromVariable = parseKeys(variable ?? "");
  if (variable !== undefined && fromVariable.length === 0) {
    throw new UsageError(
      "BLACKMAMBA_API_KEYS",
      "keys, separated by commas, or no such variable",
      JSON.stringify(variable),
    );
  }
  if (apiKeyFile === undefined) return fromVariable;
  const fromFile = parseKeys(await readText("--api-key-file", apiKeyFile));
  if (fromFile.length > 0) return [...fromVariable, ...fromFile];
  throw new ServerFileError(
    "--api-key-file",
    `${apiKeyFile}: expected a key on each line, found none; write one into it`,
  );
}

async function readText(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServerFileError(option, `${path}: expected a file, found that it cannot be read (${reason})`, { cause });
  }
}

/** What the model is called where nobody says: its name on a hub without the revision, or the last part of its path. */
export function nameOf(model: string | undefined): string {
  if (model === undefined) return "storyteller";
  const isPlace = /^(https?:|[./~]|[a-z]:)/i.test(model) || model.split("/").length !== 2;
  if (!isPlace) return model.replace(/@.*$/, "");
  const path = URL.canParse(model) ? new URL(model).pathname : model;
  const parts = path.split(/[/\\]/).filter((part) => !["", ".", ".."].includes(part));
  return parts.at(-1)?.replace(/\.(gguf|safetensors|bin)$/, "") ?? model;
}

function isLoopback(url: string): boolean {
  return /^http:\/\/(127\.|\[::1\])/.test(url);
}

/** Health and metrics are asked for every few seconds, and say nothing when they are well. */
function isProbe({ route, status }: RequestRecord): boolean {
  return (route.startsWith("/health") || route === "/metrics") && status < 400;
}

function formatRecord(record: RequestRecord): string {
  const { method, path, status, durationMs, promptTokens, completionTokens, firstTokenMs, error } = record;
  const first = firstTokenMs === undefined ? "" : `, the first after ${formatDuration(firstTokenMs)}`;
  const tokens = promptTokens === 0 ? "" : `, ${promptTokens} tokens read, ${completionTokens} written${first}`;
  const why = error === undefined ? "" : `: ${error.message.replaceAll(/\s+/g, " ")}`;
  return `${new Date().toISOString()} ${method} ${path} ${status} in ${formatDuration(durationMs)}${tokens}${why}`;
}

/** What the client was not told. */
function formatCause({ error }: RequestRecord, isDebug: boolean): string {
  const cause = error?.cause;
  if (!(cause instanceof Error)) return `blackmamba: ${String(cause)}`;
  return `blackmamba: ${isDebug ? cause.stack : `${cause.message}; set BLACKMAMBA_DEBUG=1 to see where`}`;
}
