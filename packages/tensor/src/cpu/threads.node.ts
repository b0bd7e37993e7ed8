/**
 * Threads in Node: worker threads. Chosen by the `#threads` entry of package.json.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Thread } from "./thread.ts";

/** How many threads can share memory here, the main one included. */
export function availableThreads(): number {
  return availableParallelism();
}

/** Starts a thread with the given code. It does not keep the process alive. */
export function startThread(source: string): Thread {
  const prelude = 'const listen = (handle) => require("node:worker_threads").parentPort.on("message", handle);';
  // Without the process's own flags: they are for modules that the thread does not load.
  const worker = new Worker(`${prelude}${source}`, { eval: true, execArgv: [], name: "blackmamba" });
  worker.unref();
  return {
    post: (message) => worker.postMessage(message),
    stop: async () => {
      await worker.terminate();
    },
  };
}
