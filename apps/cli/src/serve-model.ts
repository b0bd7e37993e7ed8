/** Listens, loads a model, and serves it: the library's part of `blackmamba serve`. */
import { createServer, type ServedModel } from "@blackmamba/server";
import { listen } from "@blackmamba/server/node";
import type { Model, RunningServer, ServeOptions } from "./library.ts";

/** Listens first: a port that cannot be had is told at once, and health can be asked for while the model loads. */
export async function serveModel(
  load: () => Promise<Model>,
  { host, port, ...options }: ServeOptions,
): Promise<RunningServer> {
  let begin = (_: Promise<ServedModel>): void => {};
  const model = new Promise<ServedModel>((resolve) => {
    begin = resolve;
  });
  const server = createServer(model, options);
  const listener = await listen(server, { host, port, idleTimeoutMs: (options.timeoutMs ?? 0) + 60_000 });
  // The only models there are come from `load` of the real library.
  begin(load() as unknown as Promise<ServedModel>);
  return { url: listener.url, ready: server.ready, close: listener.close };
}
