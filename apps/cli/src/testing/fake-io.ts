/** Streams that remember what was written, and a hand on Ctrl-C. For tests only. */
import { Readable, Writable } from "node:stream";
import { StopError } from "../errors.ts";
import type { Io } from "../io.ts";

export interface FakeIo extends Io {
  /** What was written to stdout so far. */
  out(): string;
  /** What was written to stderr so far. */
  err(): string;
  /** Ctrl-C, or a reader that goes away. */
  stop(reason: StopError): void;
}

export const INTERRUPTED = new StopError("interrupted", 130);
export const OUTPUT_CLOSED = new StopError("output closed", 0);

export interface FakeIoOptions {
  readonly input?: string | Uint8Array;
  readonly isTTY?: boolean;
  readonly env?: Record<string, string>;
  /** Called with everything that was written to stdout, after each write. */
  readonly onOut?: (io: FakeIo) => void;
}

export function fakeIo({ input, isTTY = false, env = {}, onOut }: FakeIoOptions = {}): FakeIo {
  const stop = new AbortController();
  const out = recorder(() => onOut?.(io));
  const err = recorder();
  const io: FakeIo = {
    // Without input: a pipe that nobody closes.
    stdin: input === undefined ? new Readable({ read() {} }) : Readable.from([Buffer.from(input)]),
    stdout: out.stream,
    stderr: Object.assign(err.stream, { isTTY, columns: 80 }),
    env,
    signal: stop.signal,
    out: out.text,
    err: err.text,
    stop: (reason) => stop.abort(reason),
  };
  return io;
}

function recorder(onWrite?: () => void) {
  let written = "";
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      written += String(chunk);
      onWrite?.();
      done();
    },
  });
  return { stream, text: () => written };
}
