/**
 * Threads in a browser: Web Workers, where memory may be shared with them. Chosen by the `#threads` entry of package.json.
 */
import type { Thread } from "./thread.ts";

/** How many threads can share memory here, the main one included: one without cross-origin isolation. */
export function availableThreads(): number {
  return globalThis.crossOriginIsolated ? (globalThis.navigator?.hardwareConcurrency ?? 1) : 1;
}

/** Starts a thread with the given code; throws where memory cannot be shared with it. */
export function startThread(source: string): Thread {
  if (!globalThis.crossOriginIsolated) throw new Error("threads need a page that is cross-origin isolated");
  const prelude = "const listen = (handle) => { onmessage = ({ data }) => handle(data); };";
  const url = URL.createObjectURL(new Blob([`${prelude}${source}`], { type: "text/javascript" }));
  const worker = new Worker(url, { name: "blackmamba" });
  return {
    post: (message) => worker.postMessage(message),
    stop: async () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
