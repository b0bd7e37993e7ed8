/**
 * Checks what users would get from the registry: packs every public package, looks at each tarball with publint (does the
 * package.json fit its files?) and attw (do TypeScript and Node resolve it alike?), then installs them all together in an
 * empty folder and imports each one.
 *
 * It publishes nothing, and needs a build before it.
 */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, root } from "./setup.mjs";

const folder = await mkdtemp(join(tmpdir(), "blackmamba-pack-"));
let isEverythingFine = true;

/**
 * @param {string} what
 * @param {string} command
 * @param {string[]} args
 * @param {string} [cwd]
 */
function check(what, command, args, cwd = root) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env: environment, encoding: "utf8" });
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${what}`);
  if (status === 0) return true;
  isEverythingFine = false;
  console.log(error?.message ?? `${stdout}${stderr}`);
  return false;
}

/** Public packages: their folder, name and what JavaScript imports of them. */
async function publicPackages() {
  const found = [];
  for (const parent of ["packages", "apps"]) {
    for (const name of await readdir(join(root, parent))) {
      const text = await readFile(join(root, parent, name, "package.json"), "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const manifest = JSON.parse(text);
      if (!manifest.private)
        found.push({
          path: join(root, parent, name),
          name: manifest.name,
          // All but what is for a worker to run, and but folders of files.
          imports: Object.keys(manifest.exports ?? {})
            .filter((path) => !/\/entry$|\*/.test(path))
            .map((path) => manifest.name + path.slice(1)),
          bin: manifest.bin,
        });
    }
  }
  return found;
}

try {
  const packages = await publicPackages();
  /** @type {Record<string, string>} */
  const dependencies = {};
  for (const { path, name, imports } of packages) {
    const tarball = join(folder, `${name.replace("@", "").replace("/", "-")}.tgz`);
    if (!check(`pnpm pack   ${name}`, "pnpm", ["pack", "--out", tarball], path)) continue;
    dependencies[name] = `file:${tarball}`;
    check(`publint     ${name}`, "publint", ["run", tarball, "--strict"]);
    // A program without an exports map has no types to resolve.
    if (imports.length > 0) {
      check(`attw        ${name}`, "attw", [
        tarball,
        "--profile",
        "esm-only",
        "--no-definitely-typed",
        "--no-emoji",
        "--no-color",
      ]);
    }
  }

  const consumer = join(folder, "consumer");
  await mkdir(consumer);
  // Overrides: the packages ask for each other by version, and that version is not in the registry yet.
  const manifest = { private: true, type: "module", dependencies, overrides: dependencies };
  await writeFile(join(consumer, "package.json"), JSON.stringify(manifest));
  // Without Dawn: it is optional, so everything must load without it.
  const flags = ["--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  if (check("npm install, all together", "npm", ["install", ...flags], consumer)) {
    for (const { imports, bin } of packages) {
      for (const name of imports)
        check(
          `import      ${name}`,
          process.execPath,
          ["-e", `await import(${JSON.stringify(name)})`, "--input-type=module"],
          consumer,
        );
      for (const command of Object.keys(bin ?? {}))
        check(`${command} --version`, join("node_modules", ".bin", command), ["--version"], consumer);
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = isEverythingFine ? 0 : 1;
