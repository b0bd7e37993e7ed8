/**
 * Bundles a program of this workspace into one file, from the sources, for a machine where nothing can be installed: it runs
 * with Node alone, and with the npm package `webgpu` beside it (`node_modules/webgpu`) where it is to use a GPU.
 *
 * As a command: `node scripts/bundle.mjs ENTRY FILE`, for example `node scripts/bundle.mjs apps/cli/src/main.ts cli.mjs`.
 */
import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * What a module reads from beside itself when it starts would not be there: it becomes part of the bundle.
 * @type {import("vite").Plugin}
 */
const inlineFiles = {
  name: "inline-files",
  transform(code, id) {
    return code.replaceAll(/readFileSync\(new URL\("([^"]+)", import\.meta\.url\)(, "utf8")?\)/g, (_, path, isText) => {
      const bytes = readFileSync(join(dirname(id), path));
      return isText ? JSON.stringify(bytes.toString()) : `Buffer.from("${bytes.toString("base64")}", "base64")`;
    });
  },
};

/**
 * @param {string} entry path of the program's first module, from the repository's root
 * @param {string} file path of the bundle
 */
export async function bundle(entry, file) {
  const conditions = ["@blackmamba/source", "node", "module", "import", "default"];
  await build({
    root,
    configFile: false,
    logLevel: "warn",
    publicDir: false,
    plugins: [inlineFiles],
    resolve: { conditions },
    ssr: { noExternal: true, external: ["webgpu"], resolve: { conditions } },
    build: {
      ssr: resolve(root, entry),
      outDir: dirname(resolve(file)),
      emptyOutDir: false,
      target: "node20",
      minify: false,
      rollupOptions: { output: { entryFileNames: basename(file), codeSplitting: false } },
    },
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [entry, file] = process.argv.slice(2);
  if (entry === undefined || file === undefined) {
    console.error("Usage: node scripts/bundle.mjs ENTRY FILE");
    process.exit(2);
  }
  await bundle(entry, file);
}
