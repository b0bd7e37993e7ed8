/**
 * `npm run bench:cpu -- [FOLDER] [--runs N] [--tokens N] [--prompt N]`: how much faster the CPU device is with WebAssembly and
 * threads than in plain TypeScript; see `cpu-comparison.mjs`, which this bundles from the sources and runs.
 */
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { installDependencies, requireNode, root, runInForeground } from "./setup.mjs";

await requireNode();
await installDependencies();
// Within the repository, where `webgpu` is found.
const file = join(root, "packages", "tensor", "node_modules", ".cache", "compare-cpu.mjs");
await bundle("scripts/cpu-comparison.mjs", file);
process.exitCode = await runInForeground(process.execPath, [file, ...process.argv.slice(2)]);
