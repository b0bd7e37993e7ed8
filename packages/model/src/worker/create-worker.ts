/**
 * Makes a model's worker.
 */
import { WorkerError } from "../errors.ts";
import type { WorkerPort } from "./connection.ts";

/** A worker that runs `entry.ts`. */
export function createWorker(): WorkerPort {
  if (typeof Worker === "undefined") {
    throw new WorkerError(
      "@blackmamba/model/worker is for browsers, there is no Worker here; in Node import @blackmamba/model, whose work does not " +
        "hold up anything",
    );
  }
  // Bundlers look for these very words.
  return new Worker(new URL("./entry.js", import.meta.url), { type: "module" });
}
