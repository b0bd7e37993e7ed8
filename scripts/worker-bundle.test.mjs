/**
 * What becomes of a model in a worker in an application's own build: the worker's file is found, and the page loads little.
 *
 * `BLACKMAMBA_BUNDLE_DIST=1 npm test -- scripts/worker-bundle.test.mjs` bundles the built packages instead of the sources.
 */
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { bundleForBrowser, loadedWith } from "./browser-bundle.mjs";

/** The whole application. */
const PROGRAM = `
import { BlackMamba } from "@blackmamba/model/worker";
const model = await BlackMamba.load("https://host.test/model/");
for await (const { text } of model.generate("Once upon a time")) document.body.append(text);
`;

/** Bytes of JavaScript, compressed, that the page loads itself; the model would be twenty times as many. */
const MAX_BYTE_LENGTH = 6000;

test("a build has the worker in a file of its own, which is found from the page's", async () => {
  const fromDist = process.env["BLACKMAMBA_BUNDLE_DIST"] === "1";
  const chunks = await bundleForBrowser(PROGRAM, { fromDist });
  const [page, ...others] = chunks;
  if (!page) throw new Error("there is no chunk at all");
  const [worker, ...more] = others.filter(({ file }) => /(^|\/)entry-[^/]*\.js$/.test(file));
  expect(more).toEqual([]);
  // Beside the page's file, wherever that is.
  const name = worker?.file.replace(/^.*\//, "") ?? "none";
  expect(page.code).toMatch(new RegExp(`new URL\\(["'\`]${name}["'\`], ?import\\.meta\\.url\\)`));
  // What it is for is in it, and not in the page.
  expect(worker?.code).toContain("requestAdapter");
  const loaded = loadedWith(chunks, [page]);
  expect(loaded.map(({ code }) => code).join()).not.toContain("requestAdapter");
  const byteLength = loaded.reduce((sum, { code }) => sum + gzipSync(code).byteLength, 0);
  console.log(`the page loads ${(byteLength / 1000).toFixed(1)} kB, compressed`);
  expect(byteLength).toBeLessThanOrEqual(MAX_BYTE_LENGTH);
});
