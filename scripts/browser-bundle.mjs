/**
 * Bundles a program for a browser as an application's own build would: minified, what is imported dynamically in chunks of its own.
 * Nothing is written to the disk.
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, defaultClientConditions, minifySync } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Where the program lies as the bundler sees it, which is where its imports are found from. */
const entry = fileURLToPath(new URL("browser-program.js", import.meta.url));

/** What a worker's file does not tell of itself. */
const nothingElse = { imports: [], dynamicImports: [], missing: [], modules: [] };

/**
 * @typedef {object} BrowserChunk
 * @property {string} file its path below the page
 * @property {string} code
 * @property {string | undefined} module path from the repository's root of the module it was made for; none where it is shared
 * @property {readonly string[]} imports files that are loaded with it
 * @property {readonly string[]} dynamicImports files that are loaded when they are asked for
 * @property {readonly string[]} missing what it imports that is no part of the bundle
 * @property {readonly BundledModule[]} modules
 *
 * @typedef {object} BundledModule
 * @property {string} path from the repository's root
 * @property {string} code what is left of it, minified alone
 */

/**
 * @param {string} code of the program, whose chunk is the first
 * @param {{ readonly fromDist?: boolean }} [options] from the packages' builds rather than their sources
 * @returns {Promise<BrowserChunk[]>} workers, of which only the code is known, come last
 */
export async function bundleForBrowser(code, { fromDist = false } = {}) {
  /** @type {import("vite").Plugin} */
  const program = {
    name: "program",
    enforce: "pre",
    resolveId: (id) => (id === entry ? id : undefined),
    load: (id) => (id === entry ? code : undefined),
  };
  const result = await build({
    root,
    configFile: false,
    logLevel: "error",
    // Wherever the page lies.
    base: "./",
    publicDir: false,
    plugins: [program],
    resolve: { conditions: [...(fromDist ? [] : ["@blackmamba/source"]), ...defaultClientConditions] },
    build: {
      write: false,
      rolldownOptions: {
        input: entry,
        // Apart, so that it can be counted apart.
        output: {
          codeSplitting: { groups: [{ name: "tokenizers-library", test: /@huggingface[\\/]tokenizers[\\/]/ }] },
        },
      },
    },
  });
  const { output } = /** @type {import("vite").Rolldown.RolldownOutput} */ (result);
  const chunks = output.filter((each) => each.type === "chunk");
  const files = new Set(chunks.map(({ fileName }) => fileName));
  const inBundle = (/** @type {string} */ file) => files.has(file);
  const workers = output.flatMap((each) =>
    each.type === "asset" && each.fileName.endsWith(".js")
      ? [{ file: each.fileName, code: String(each.source), module: undefined, ...nothingElse }]
      : [],
  );
  const described = chunks
    .toSorted((a, b) => Number(b.isEntry) - Number(a.isEntry))
    .map((chunk) => ({
      file: chunk.fileName,
      code: chunk.code,
      module: chunk.facadeModuleId ? pathOf(chunk.facadeModuleId) : undefined,
      imports: chunk.imports.filter(inBundle),
      dynamicImports: chunk.dynamicImports.filter(inBundle),
      missing: [...chunk.imports, ...chunk.dynamicImports].filter((file) => !inBundle(file)),
      modules: Object.entries(chunk.modules).map(([id, module]) => ({
        path: pathOf(id),
        code: minifySync("module.js", module.code ?? "").code,
      })),
    }));
  return [...described, ...workers];
}

/**
 * The chunks that are loaded with one of these, which are among them.
 *
 * @param {readonly BrowserChunk[]} chunks
 * @param {readonly BrowserChunk[]} from
 */
export function loadedWith(chunks, from) {
  const loaded = new Set(from);
  for (const { imports } of loaded) for (const file of imports) loaded.add(chunkOf(chunks, file));
  return [...loaded];
}

/**
 * @param {readonly BrowserChunk[]} chunks
 * @param {string} file
 */
function chunkOf(chunks, file) {
  const found = chunks.find((chunk) => chunk.file === file);
  if (!found) throw new Error(`${file}: expected in the bundle, found ${chunks.map((chunk) => chunk.file).join(", ")}`);
  return found;
}

/** @param {string} id of a module; what the bundler adds itself has an id that is no path */
function pathOf(id) {
  return id.startsWith("\0") ? id.slice(1) : relative(root, id.replace(/\?.*$/, "")).replaceAll("\\", "/");
}
