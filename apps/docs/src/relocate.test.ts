import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { relocateScript, relocateSite } from "./relocate.ts";

const BASE = "/the-base/";
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "blackmamba-site-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes files into a new folder and relocates them. */
async function relocated(files: Readonly<Record<string, string>>): Promise<(name: string) => Promise<string>> {
  const site = await mkdtemp(join(folder, "site-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(site, name)), { recursive: true });
    await writeFile(join(site, name), text);
  }
  await relocateSite(site, BASE);
  return (name) => readFile(join(site, name), "utf8");
}

test("addresses in pages and styles become relative to the file", async () => {
  const read = await relocated({
    "index.html": `<a href="${BASE}a/b.html#c"></a></body>`,
    "a/b.html": `<a href="${BASE}"></a><img src="${BASE}x.png"></body>`,
    "assets/style.css": `@font-face{src:url(${BASE}assets/x.woff2)}`,
  });
  expect(await read("index.html")).toContain('<a href="./a/b.html#c">');
  expect(await read("a/b.html")).toContain('<a href="../"></a><img src="../x.png">');
  expect(await read("assets/style.css")).toBe("@font-face{src:url(../assets/x.woff2)}");
});

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: these are programs.
test.each([
  ['"/the-base/x"', "@x"],
  ['"a /the-base/b /the-base/c"', "a @b @c"],
  ["`/the-base/${1}/the-base/`", "@1@"],
  ['`<a href="/the-base/">\\n${1}`', '<a href="@">\n1'],
  ['JSON.parse("{\\"base\\":\\"/the-base/\\"}").base', "@"],
  ["(([a = `/the-base/`]) => a)([])", "@"],
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: these are programs.
])("in a module, %s is as it was, with another base", async (expression, expected) => {
  const site = await mkdtemp(join(folder, "module-"));
  const file = join(site, "chunks", "a.mjs");
  await mkdir(dirname(file));
  await writeFile(file, relocateScript(`export default ${expression}`, BASE, "../"));
  const { default: value } = (await import(/* @vite-ignore */ file)) as { default: string };
  expect(value).toBe(expected.replaceAll("@", `${site}/`));
});

test("where no expression can stand, it is refused", () => {
  expect(() => relocateScript('import "/the-base/a.js"', BASE, "./")).toThrow();
  expect(() => relocateScript('export default { "/the-base/": 1 }', BASE, "./")).toThrow();
});

test("a base that is left over is refused", async () => {
  await expect(relocated({ "a.js": "/* /the-base/ */" })).rejects.toThrow("expected no /the-base/ to be left");
});

test("a text with as many addresses as a long page has links", () => {
  const links = Array.from({ length: 20_000 }, (_, i) => `${BASE}page-${i}`).join(" ");
  expect(relocateScript(`export const page=${JSON.stringify(links)};`, BASE, "../")).not.toContain(BASE);
});
