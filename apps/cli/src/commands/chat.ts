/**
 * `blackmamba chat`: a session with a model. Reads the options and loads the model; the rest is in `chat/`.
 */
import { readFile } from "node:fs/promises";
import { createChatTemplate, readChatTemplate } from "@blackmamba/tokenizer/chat-template";
import { createPipeInput } from "../chat/chat-input.ts";
import { loadChat } from "../chat/commands.ts";
import { ChatSession } from "../chat/session.ts";
import { runChat } from "../chat/terminal.ts";
import { createTerminalInput } from "../chat/terminal-input.ts";
import { plainFormat, prefixFormat, type TurnFormat, templateFormat } from "../chat/turn-format.ts";
import { ChatError, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { Library } from "../library.ts";
import { formatCount } from "../output/units.ts";
import { type TextSamplingOptions, textSampling } from "../text-sampling.ts";
import { loadModel, type ModelOptions } from "./load-model.ts";

export interface ChatOptions extends ModelOptions, TextSamplingOptions {
  /** Texts, or `@` and the file that they are in. */
  readonly prompt?: string | undefined;
  readonly template?: string | undefined;
  readonly system?: string | undefined;
  readonly userPrefix?: string | undefined;
  readonly assistantPrefix?: string | undefined;
  /** A file that `/save` has written. */
  readonly load?: string | undefined;
}

export async function chat(options: ChatOptions, io: Io, library: Library): Promise<void> {
  const format = await formatOf(options);
  const { model, device, folder, dispose } = await loadModel(options, io, library);
  const session = new ChatSession(model, { format, sampling: textSampling(options) });
  if (options.load !== undefined) await loadChat(session, options.load);

  const isInteractive = io.stdin.isTTY === true && io.stdout.isTTY === true;
  if (isInteractive) io.stderr.write(greeting(options, session));
  await runChat(session, {
    io,
    input: isInteractive ? createTerminalInput(io) : createPipeInput(io),
    about: [
      ["model", `${folder}, ${formatCount(model.parameters.total)} parameters`],
      ["device", `${device.kind}, ${device.name}`],
    ],
  });
  await session.dispose();
  await dispose();
}

/** What somebody reads who is to type, and the text that is there already. */
function greeting({ template, userPrefix }: ChatOptions, { text }: ChatSession): string {
  const isPlain = template === undefined && userPrefix === undefined;
  return [
    isPlain
      ? "Type the beginning of a text: the model goes on from there, and from whatever you add."
      : "Type what you have to say.",
    "/help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.",
    ...(text === "" ? [] : [text.trimEnd()]),
    "",
  ].join("\n");
}

/** What goes around what is typed. */
async function formatOf(options: ChatOptions): Promise<TurnFormat> {
  const { template, system, userPrefix, assistantPrefix } = options;
  const hasPrefixes = userPrefix !== undefined || assistantPrefix !== undefined;
  if (template === undefined) {
    if (system !== undefined) {
      throw new UsageError("--system", "--template beside it, which says where it goes", "none; or use --prompt");
    }
    const opening = options.prompt === undefined ? "" : await textOf("--prompt", options.prompt);
    if (!hasPrefixes) return plainFormat(opening);
    return prefixFormat({ user: userPrefix ?? "", assistant: assistantPrefix ?? "" }, opening);
  }
  if (hasPrefixes) throw new UsageError("--template", "no prefixes beside it", "--user-prefix or --assistant-prefix");
  if (options.prompt !== undefined) {
    throw new UsageError("--template", "no --prompt beside it, as all text is the template's", "one; use --system");
  }
  return templateFormat(
    await templateOf(template),
    system === undefined ? undefined : await textOf("--system", system),
  );
}

async function templateOf(option: string) {
  const source = await textOf("--template", option);
  if (option.endsWith(".json")) {
    const template = readChatTemplate(source);
    if (template) return template;
    throw new ChatError(`${option.slice(1)}: expected a chat_template, found none; name a file with a template`);
  }
  if (/\{[{%]/.test(source)) return createChatTemplate(source);
  throw new UsageError("--template", "Jinja, or @ and a file", JSON.stringify(source.slice(0, 40)));
}

/** A text, or what is in the file behind `@`: less the line end that an editor puts after the last word. */
async function textOf(option: string, text: string): Promise<string> {
  if (!text.startsWith("@")) return text;
  const path = text.slice(1);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ChatError(`${option}: expected a file to read, found it cannot be (${reason})`, { cause });
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new ChatError(`${path}: expected UTF-8 text, found other bytes; convert it with iconv`, { cause });
  }
}
