/** Where a prompt comes from: the command line, standard input, or nowhere. */
import { StreamError } from "./errors.ts";
import { abortable, type Io } from "./io.ts";

/** For whoever only wants to see it run. */
export const DEFAULT_PROMPT = "Once upon a time";

/** `-` reads all of standard input; nothing given is what is said here, so that no open pipe is waited for. */
export async function readPrompt(
  argument: string | undefined,
  io: Pick<Io, "stdin" | "signal">,
  otherwise: string,
): Promise<string> {
  if (argument !== "-") return argument ?? otherwise;
  const bytes = await abortable(readAll(io.stdin), io.signal);
  try {
    // The line end that a shell or an editor puts after the last word is no part of the prompt.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (cause) {
    throw new StreamError(
      `standard input: expected UTF-8 text, found other bytes (${bytes.byteLength} in all); convert it with iconv`,
      { cause },
    );
  }
}

async function readAll(stdin: Io["stdin"]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StreamError(`standard input: expected a prompt, found it cannot be read (${reason})`, { cause });
  }
  return Buffer.concat(chunks);
}
