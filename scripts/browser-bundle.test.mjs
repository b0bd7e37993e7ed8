/**
 * What a page loads to generate text: how much, and that nothing in it is for Node.
 *
 * `BLACKMAMBA_BUNDLE_DIST=1 npm test -- scripts/browser-bundle.test.mjs` counts the built packages instead of the sources.
 */
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { bundleForBrowser, loadedWith } from "./browser-bundle.mjs";

/** The whole application. */
const PROGRAM = `
import { BlackMamba } from "@blackmamba/model";
const model = await BlackMamba.load("https://host.test/model/");
for await (const { text } of model.generate("Once upon a time")) document.body.append(text);
`;

/** Bytes of JavaScript, compressed, that a page may load before the first token: the bar. */
const MAX_BYTE_LENGTH = 120_000;

const fromDist = process.env["BLACKMAMBA_BUNDLE_DIST"] === "1";

/** What is imported when it is first used, by the module's name; and whether text from an address uses it, on either device. */
const DYNAMIC_IMPORTS = {
  "model/source/locate-url": true,
  "model/source/locate-on-hub": false,
  "model/source/tokenizer-within": false,
  "model/config/gguf-config": false,
  "model/weights/quantized-weights": false,
  "model/weights/weights-out-of-memory": false,
  "checkpoint/torch/torch-checkpoint": false,
  "checkpoint/gguf/gguf-checkpoint": false,
  "@huggingface/hub": false,
};

/** @type {import("./browser-bundle.mjs").BrowserChunk[]} */
let chunks;

beforeAll(async () => {
  chunks = await bundleForBrowser(PROGRAM, { fromDist });
});

test("what is imported when it is first used is known", () => {
  const files = new Set(chunks.flatMap(({ dynamicImports }) => dynamicImports));
  const names = chunks.filter(({ file }) => files.has(file)).map(nameOf);
  expect(names.sort()).toEqual(Object.keys(DYNAMIC_IMPORTS).sort());
});

test("a page loads at most 120 kB of JavaScript to generate text, compressed, without the library of the tokenizer", () => {
  const isUsed = new Set(Object.entries(DYNAMIC_IMPORTS).flatMap(([name, used]) => (used ? [name] : [])));
  const loaded = loadedWith(
    chunks,
    chunks.filter((chunk, index) => index === 0 || isUsed.has(nameOf(chunk))),
  );
  const isLibrary = ({ file = "" }) => /tokenizers-library/.test(file);
  const own = loaded.filter((chunk) => !isLibrary(chunk));
  const [library, rest] = [loaded.filter(isLibrary), chunks.filter((chunk) => !loaded.includes(chunk))];

  // One of each, or this would count nothing.
  expect(library).toHaveLength(1);
  expect(rest.length).toBeGreaterThan(0);
  console.log(
    [
      `loaded for generate: ${kB(gzipped(own))} in ${own.length} chunks; the tokenizer's library: ${kB(gzipped(library))}; only if used: ${kB(gzipped(rest))}`,
      ...byPackage(own).map(([name, byteLength]) => `  ${kB(byteLength).padStart(8)}  ${name}, compressed alone`),
    ].join("\n"),
  );
  expect(gzipped(own)).toBeLessThanOrEqual(MAX_BYTE_LENGTH);
});

test("nothing in it is for Node", () => {
  const modules = chunks.flatMap((chunk) => chunk.modules.map(({ path }) => path));
  expect(modules.filter((path) => /(\.node|\/node|\/file-source)\.[jt]s$|browser-external|^node:/.test(path))).toEqual(
    [],
  );
  expect(chunks.flatMap(({ missing }) => missing)).toEqual([]);
  for (const { code } of chunks) expect(code).not.toMatch(/["'`]node:|externalized for browser/);
  // And the browser's own are there.
  expect(modules.join()).toMatch(/threads\.browser/);
});

/** @param {import("./browser-bundle.mjs").BrowserChunk} chunk */
function nameOf({ module = "" }) {
  const [, library] = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(module) ?? [];
  return library ?? module.replace(/^packages\/([^/]+)\/(?:src|dist)\/(.*)\.[jt]s$/, "$1/$2");
}

/**
 * Bytes of the files, each compressed as a server would.
 *
 * @param {readonly import("./browser-bundle.mjs").BrowserChunk[]} files
 */
function gzipped(files) {
  return files.reduce((sum, { code }) => sum + gzipSync(code).byteLength, 0);
}

/**
 * The packages' own shares, largest first. Compressed apart from each other they are a little more than together.
 *
 * @param {readonly import("./browser-bundle.mjs").BrowserChunk[]} files
 * @returns {[name: string, byteLength: number][]}
 */
function byPackage(files) {
  /** @type {Map<string, string>} */
  const codes = new Map();
  for (const { path, code } of files.flatMap(({ modules }) => modules)) {
    const [, name = "the bundler's own"] = /^(packages\/[^/]+|.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    codes.set(name, (codes.get(name) ?? "") + code);
  }
  const sizes = [...codes].map(([name, code]) => /** @type {[string, number]} */ ([name, gzipSync(code).byteLength]));
  return sizes.sort(([, a], [, b]) => b - a);
}

/** @param {number} byteLength */
function kB(byteLength) {
  return `${(byteLength / 1000).toFixed(1)} kB`;
}
