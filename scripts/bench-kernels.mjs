/**
 * `npm run bench:kernels -- [words] [--device auto|webgpu|cpu] [--runs N] [--json]`: bundles every kernel's bench with what it
 * measures, from the sources, and runs that; see `kernel-benches.mjs`.
 *
 * For a machine where nothing can be installed: `node scripts/bundle.mjs scripts/kernel-benches.mjs FILE` makes the same file.
 */
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { installDependencies, requireNode, root, runInForeground } from "./setup.mjs";

await requireNode();
await installDependencies();
// Within the repository, where `webgpu` is found.
const file = join(root, "packages", "tensor", "node_modules", ".cache", "kernel-benches.mjs");
await bundle("scripts/kernel-benches.mjs", file);
process.exitCode = await runInForeground(process.execPath, [file, ...process.argv.slice(2)]);
