import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { brokenLinks } from "./check-links.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-links-"));
  await mkdir(join(folder, "a"));
  await writeFile(join(folder, "index.html"), '<h2 id="here">Here</h2>');
  await writeFile(join(folder, "a/index.html"), '<h2 id="Größe">Größe</h2>');
  await writeFile(join(folder, "a/x.png"), "");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What is wrong with this on a page in the folder `a`. */
async function problems(html: string): Promise<string[]> {
  await writeFile(join(folder, "a/page.html"), html);
  return brokenLinks(folder);
}

test.each([
  '<a href="../index.html#here">',
  '<a href="../">',
  '<a href="./">',
  '<a href="#own"></a><p id="own">',
  '<a href="index.html#Gr%C3%B6%C3%9Fe">',
  '<a href="index.html?x=1">',
  '<img src="x.png">',
  '<a href="https://example.org/nothing#there">',
  '<a href="mailto:nobody@example.org">',
])("%s is fine", async (html) => {
  expect(await problems(html)).toEqual([]);
});

test.each([
  ['<a href="../nothing.html">', "../nothing.html: no such file"],
  ['<a href="../index.html#there">', "../index.html#there: no such heading"],
  ['<a href="#own">', "#own: no such heading"],
  ['<img src="y.png">', "y.png: no such file"],
  ['<link href="style.css">', "style.css: no such file"],
  ['<script src="app.js"></script>', "app.js: no such file"],
  ['<a href="/a/">', "/a/: expected an address relative to the page"],
])("%s is broken", async (html, problem) => {
  expect(await problems(html)).toEqual([`a/page.html: ${problem}`]);
});
