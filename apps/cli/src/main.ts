/** The `blackmamba` command: ties a run to this process, its streams, its signals and its end. */
import type { Writable } from "node:stream";
import { reportError, StopError, StreamError } from "./errors.ts";
import { realLibrary } from "./real-library.ts";
import { run } from "./run.ts";

const { stdin, stdout, stderr, env } = process;
const stop = new AbortController();

const signals = { SIGINT: ["interrupted", 130], SIGTERM: ["terminated", 143] } as const;
for (const [signal, [what, exitCode]] of Object.entries(signals)) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (stop.signal.aborted) process.exit(exitCode);
    stop.abort(new StopError(what, exitCode));
  });
}
stdout.on("error", (error: NodeJS.ErrnoException) => {
  // `blackmamba generate | head -1`: the reader has what it wanted.
  const reason = error.code === "EPIPE" ? new StopError("output closed", 0) : cannotWrite(error);
  stop.abort(reason);
});
// Nobody listens: there is nobody to tell.
stderr.on("error", () => {});
process.on("uncaughtException", (error) => {
  process.exit(reportError(error, "blackmamba --help", { stderr, env }));
});

const exitCode = await run(process.argv.slice(2), { stdin, stdout, stderr, env, signal: stop.signal }, realLibrary);
await Promise.all([flush(stdout), flush(stderr)]);
// What could not be written shows only now; whatever failed before has been told already.
const isLost = exitCode === 0 && stop.signal.reason instanceof StreamError;
// A WebGPU instance, or standard input still open, would keep the process waiting.
process.exit(isLost ? reportError(stop.signal.reason, "blackmamba --help", { stderr, env }) : exitCode);

function cannotWrite(error: Error): StreamError {
  return new StreamError(
    `standard output: expected to write, found it refused (${error.message}); free the disk or pipe`,
    {
      cause: error,
    },
  );
}

/** When everything written so far has left the process, or cannot. */
function flush(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
