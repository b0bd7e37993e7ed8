/**
 * `npm run fuzz -- [--minutes M] [--target NAME] [--seed N] [--case N]`: reads files made to break readers, of every target
 * (`*.fuzz.ts`) or of one, for so many minutes (1 by default). Other files each time, unless a seed is given; with a case, that one.
 *
 * A file that is neither read nor refused within the bounds is written to `node_modules/.cache/blackmamba/fuzz/`, and the
 * command ends with 1.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleWorker, CaseFailure, listTargets, runCampaign } from "./fuzz-campaign.mjs";
import { installDependencies, requireNode, root } from "./setup.mjs";

/** A target's turn is that part of its files in `npm test`, which are fewer where they take longer. */
const TURNS = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    target: { type: "string" },
    seed: { type: "string" },
    case: { type: "string" },
  },
});
await requireNode();
await installDependencies();
const worker = await bundleWorker();
try {
  await fuzz();
} catch (error) {
  if (!(error instanceof CaseFailure)) throw error;
  console.error(error.message);
  if (error.file) console.error(`Its file: ${await keep(error.file, error.message)}`);
  process.exitCode = 1;
} finally {
  await rm(worker);
}

async function fuzz() {
  const targets = (await listTargets(worker)).filter(({ name }) => !values.target || name === values.target);
  if (targets.length === 0) throw new Error(`there is no target "${values.target}"`);
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  if (values.case !== undefined) {
    for (const { name } of targets) {
      const { outcomes } = await runCampaign(worker, { target: name, seed, first: Number(values.case), count: 1 });
      console.log(`${name}, seed ${seed}, case ${values.case}: ${Object.keys(outcomes).join()}`);
    }
    return;
  }
  console.log(`seed ${seed}, ${values.minutes} minutes`);
  const end = Date.now() + Number(values.minutes) * 60_000;
  let files = 0;
  for (let turn = 0; Date.now() < end; turn++) {
    for (const target of targets) {
      if (Date.now() >= end) break;
      const { name } = target;
      const count = Math.ceil(target.files / TURNS);
      const start = performance.now();
      const done = await runCampaign(worker, { target: name, seed, first: turn * count, count });
      files += done.files;
      const perSecond = Math.round((1000 * done.files) / (performance.now() - start));
      const read = done.outcomes["read"] ?? 0;
      console.log(
        `${name.padEnd(16)} ${String((turn + 1) * count).padStart(9)} files, ${perSecond} per second, ` +
          `${read} of the last ${done.files} read, the slowest in ${done.slowestMs.toFixed(0)} ms`,
      );
    }
  }
  console.log(`${files} files, each read or refused`);
}

/**
 * @param {Uint8Array} file
 * @param {string} message  starts with target, seed and case
 */
async function keep(file, message) {
  const folder = join(root, "node_modules", ".cache", "blackmamba", "fuzz");
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${message.slice(0, message.indexOf(":")).replaceAll(/[^\w-]+/g, "-")}.bin`);
  await writeFile(path, file);
  return path;
}
