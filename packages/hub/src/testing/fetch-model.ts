/**
 * A program: fetches all of a model's files from the hub of `HF_ENDPOINT` into the cache of `HF_HUB_CACHE`, and prints the SHA-256 of
 * each as JSON; before that a line end for each piece that has come. What goes wrong is on its error output. A process of its own, so
 * that it can be killed, and limited.
 */
import { createHash } from "node:crypto";
import { openHubFolder } from "../hub/hub-folder.ts";

try {
  const folder = await openHubFolder(process.argv[2] ?? "", { onProgress: () => process.stdout.write("\n") });
  const hashes: Record<string, string> = {};
  for (const path of await folder.list()) {
    const source = await folder.open(path);
    try {
      await source.complete?.();
      hashes[path] = createHash("sha256")
        .update(await source.read(0, source.byteLength))
        .digest("hex");
    } finally {
      await source.close?.();
    }
  }
  process.stdout.write(JSON.stringify(hashes));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
