/**
 * Holds every link of a built site against what is there: pages, headings (`#…`), images, styles, scripts. VitePress itself knows
 * pages only. What is on other sites is not asked for.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { Parser } from "htmlparser2";

/** What a page has that can be linked to, and what it links to. */
interface Page {
  readonly ids: ReadonlySet<string>;
  readonly links: ReadonlySet<string>;
}

const LINKS: Readonly<Record<string, string>> = { a: "href", link: "href", img: "src", script: "src", source: "src" };

/**
 * @param folder - of a site whose addresses are relative to the page
 * @returns a line for each broken link
 */
export async function brokenLinks(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = new Set(entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)));
  const pages = new Map<string, Page>();
  for (const file of files) {
    if (file.endsWith(".html")) pages.set(file, readPage(await readFile(file, "utf8")));
  }
  const broken: string[] = [];
  for (const [file, { links }] of pages) {
    for (const link of links) {
      const reason = problemOf(link, file, files, pages);
      if (reason) broken.push(`${relative(folder, file)}: ${link}: ${reason}`);
    }
  }
  return broken;
}

function problemOf(
  link: string,
  from: string,
  files: ReadonlySet<string>,
  pages: ReadonlyMap<string, Page>,
): string | undefined {
  // Another site, or an address of another kind (mailto:, data:).
  if (/^([a-z][a-z+.-]*:|\/\/)/i.test(link)) return undefined;
  if (link.startsWith("/")) return "expected an address relative to the page";
  const [, path = "", hash = ""] = /^([^?#]*)(?:\?[^#]*)?(?:#(.*))?$/.exec(link) ?? [];
  const target = path === "" ? from : join(dirname(from), decodeURIComponent(path));
  const file = target.endsWith("/") ? `${target}index.html` : target;
  if (!files.has(file)) return "no such file";
  if (hash === "") return undefined;
  return pages.get(file)?.ids.has(decodeURIComponent(hash)) ? undefined : "no such heading";
}

function readPage(html: string): Page {
  const ids = new Set<string>();
  const links = new Set<string>();
  const parser = new Parser({
    onopentag(tag, attributes) {
      if (attributes["id"]) ids.add(attributes["id"]);
      const link = attributes[LINKS[tag] ?? ""];
      if (link) links.add(link);
    },
  });
  parser.end(html);
  return { ids, links };
}
