/**
 * `npm start`: text from the default model, on a machine that has only Node and npm. Sets up what is missing, then hands
 * over to the command line program; what follows `--` is passed on (`npm start -- "The dog was" --device cpu`).
 *
 * It knows nothing about models: `apps/cli` does.
 */
import { join } from "node:path";
import { build, installDependencies, requireNode, root, runInForeground } from "./setup.mjs";

await requireNode();
await installDependencies();
await build("@blackmamba/cli");

process.exitCode = await runInForeground(process.execPath, [
  join(root, "apps", "cli", "dist", "main.js"),
  "generate",
  ...process.argv.slice(2),
]);
