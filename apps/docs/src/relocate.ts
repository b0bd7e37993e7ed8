/**
 * Makes a built site work below any address. VitePress bakes one base into everything it writes; here each of these places is
 * made relative to the file it stands in. Built with a base that occurs nowhere else, so that all of them can be found.
 *
 * - In HTML and CSS an address becomes one that is relative to the file.
 * - In JavaScript the base becomes an expression, by the address that the module itself was loaded from. That also holds in workers.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { parseAst } from "vite";

/** The name of the base within a module; in bundles names of one or two letters are taken. */
const BASE_NAME = "__siteBase";

/**
 * Links within the page are made whole before the site's code runs: on the way to other pages parts of the page stay in the
 * document, and their links would then be relative to another place.
 */
const WHOLE_LINKS = `<script>for(const a of document.querySelectorAll('a[href^="."]'))a.setAttribute("href",a.pathname+a.search+a.hash)</script>`;

/**
 * A server shows this page in place of any that it does not have; only at its own address are its paths right. So it looks for the
 * folder that the site begins in, upwards from where it is.
 */
const FIND_SITE = `<script type="module">
for (let folder = location.pathname; !location.pathname.endsWith("/404.html") && folder !== ""; ) {
  folder = folder.slice(0, folder.lastIndexOf("/"));
  const answer = await fetch(folder + "/hashmap.json");
  if (answer.ok && answer.headers.get("content-type")?.includes("json")) {
    location.replace(folder + "/404.html");
    break;
  }
}
</script>`;

/**
 * Rewrites a folder in place.
 *
 * @param base - what it was built with: `/…/`
 * @throws Error if the base is left anywhere
 */
export async function relocateSite(folder: string, base: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const relocate = RELOCATE[entry.name.slice(entry.name.lastIndexOf(".") + 1)];
    if (!entry.isFile() || !relocate) continue;
    const text = await readFile(path, "utf8");
    if (!text.includes(base)) continue;
    const up = "../".repeat(relative(folder, path).split(sep).length - 1) || "./";
    let relocated = relocate(text, base, up);
    if (entry.name === "404.html") relocated = relocated.replace("</head>", `${FIND_SITE}</head>`);
    if (relocated.includes(base))
      throw new Error(`${path}: expected no ${base} to be left, found one: see relocate.ts`);
    await writeFile(path, relocated);
  }
}

type Relocate = (text: string, base: string, up: string) => string;

const RELOCATE: Readonly<Record<string, Relocate>> = {
  html: (text, base, up) => text.replaceAll(base, up).replace("</body>", `${WHOLE_LINKS}</body>`),
  css: (text, base, up) => text.replaceAll(base, up),
  js: relocateScript,
};

/**
 * A module in which the base is an expression; `up` leads from its folder to the site's.
 *
 * @throws Error where that makes no module, as of an `import` from an address
 */
export function relocateScript(code: string, base: string, up: string): string {
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = [];
  visit(parseAst(code), ({ type, value, source, start, end }) => {
    if (type === "ImportDeclaration" && source?.value?.toString().includes(base)) {
      throw new Error(`expected no import from an address, found ${source.value}`);
    }
    if (type === "Literal" && typeof value === "string" && value.includes(base)) {
      // A sum of as many terms as a long page has links is deeper than parsers can go.
      const parts = JSON.stringify(value.split(base));
      edits.push({ start, end, text: `${parts}.join(${BASE_NAME})` });
    } else if (type === "TemplateElement") {
      const { raw } = value as { readonly raw: string };
      if (raw.includes(base)) edits.push({ start, end, text: raw.replaceAll(base, `\${${BASE_NAME}}`) });
    }
  });
  let end = 0;
  let result = `const ${BASE_NAME}=new URL("${up}",import.meta.url).pathname;`;
  for (const edit of edits.sort((a, b) => a.start - b.start)) {
    result += code.slice(end, edit.start) + edit.text;
    end = edit.end;
  }
  result += code.slice(end);
  parseAst(result);
  return result;
}

/** What is looked at of a node of a syntax tree (ESTree). */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly value?: unknown;
  readonly source?: { readonly value?: unknown } | null;
}

function visit(node: unknown, see: (node: Node) => void): void {
  if (Array.isArray(node)) {
    for (const each of node) visit(each, see);
  } else if (typeof node === "object" && node !== null) {
    if ("type" in node) see(node as Node);
    for (const value of Object.values(node)) visit(value, see);
  }
}
