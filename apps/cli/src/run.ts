/** One run of the command, from its arguments to its exit code. Knows no process: `main.ts` does. */
import { type ExitCode, reportError, StopError } from "./errors.ts";
import type { Io } from "./io.ts";
import type { Library } from "./library.ts";
import { createProgram } from "./program.ts";

export async function run(args: readonly string[], io: Io, library: Library): Promise<ExitCode> {
  const program = createProgram(io, library);
  try {
    await program.parseAsync(args, { from: "user" });
    io.signal.throwIfAborted();
    return 0;
  } catch (error) {
    const command = program.commands.find((each) => each.name() === args[0])?.name();
    const helpCommand = `blackmamba ${command === undefined ? "" : `${command} `}--help`;
    // Whatever was thrown after a stop, the stop is why; unless the command says itself how it ended.
    const isStop = error instanceof StopError || !io.signal.aborted;
    return reportError(isStop ? error : io.signal.reason, helpCommand, io);
  }
}
