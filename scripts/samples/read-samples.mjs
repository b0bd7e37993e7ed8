/**
 * The code blocks of the documents: what they say, where they stand, and what shall not be done with them.
 *
 * A comment in the Markdown before a block says what cannot be run and why: `<!-- not run: needs a page -->`. Such a block is
 * still checked, as far as it can be.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import MarkdownIt from "markdown-it";

/**
 * @typedef {object} Sample
 * @property {string} file - of the document, from the repository's root
 * @property {number} line - of the block's first line, from 1
 * @property {string} language
 * @property {string} code
 * @property {string | undefined} notRun - why it is not run
 * @property {string | undefined} output - what the document shows below: the next block, of the language `text`
 */

/**
 * Of all documents that are written by hand.
 *
 * @param {string} root
 * @returns {Promise<Sample[]>}
 */
export async function readAllSamples(root) {
  const pages = (await readdir(join(root, "docs"), { recursive: true })).map((name) => join("docs", name));
  const readmes = [];
  for (const parent of ["packages", "apps"]) {
    for (const name of await readdir(join(root, parent))) readmes.push(join(parent, name, "README.md"));
  }
  const documents = ["README.md", "CONTRIBUTING.md", ...readmes, ...pages]
    .filter((file) => file.endsWith(".md") && !file.startsWith(join("docs", "api")))
    .filter((file) => existsSync(join(root, file)));
  const samples = documents.map(async (file) => readSamples(file, await readFile(join(root, file), "utf8")));
  return (await Promise.all(samples)).flat();
}

/**
 * @param {string} file
 * @param {string} text - Markdown
 * @returns {Sample[]}
 */
export function readSamples(file, text) {
  /** @type {Sample[]} */
  const samples = [];
  const tokens = new MarkdownIt({ html: true }).parse(text, {});
  for (const [index, { type, info, content, map }] of tokens.entries()) {
    if (type !== "fence") continue;
    const [language = ""] = info.trim().split(/\s/);
    const before = tokens[index - 1];
    const last = samples.at(-1);
    if (language === "text") {
      // Directly below: nothing is said between a program and what it prints.
      if (before?.type === "fence" && last) last.output = content;
      continue;
    }
    const notRun =
      before?.type === "html_block" ? /<!--\s*not run:\s*(.+?)\s*-->/.exec(before.content)?.[1] : undefined;
    samples.push({ file, line: (map?.[0] ?? 0) + 2, language, code: content, notRun, output: undefined });
  }
  return samples;
}

/**
 * What of a document's output has to be in what a program prints: it may leave out parts, and then has "…" there.
 *
 * @param {string} shown
 */
export function outputParts(shown) {
  return shown.split("…").map((part) => part.trim());
}
