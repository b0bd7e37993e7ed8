/**
 * The site: what it is made of, and how it is reached. The pages are the Markdown files in `docs/`; those in `docs/api` are made by
 * `npm run docs:api`.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { modelFolder } from "@blackmamba/storyteller";
import { viteStaticCopy } from "vite-plugin-static-copy";
import type { DefaultTheme, SiteConfig, UserConfig } from "vitepress";
import { brokenLinks } from "../src/check-links.ts";
import { relocateSite } from "../src/relocate.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const pages = path("../../../docs");

/** Stands for the address that a built site is below, until `relocateSite` has taken it out. Occurs nowhere else. */
const BASE_OF_BUILD = "/base-of-this-site/";

/** In the order in which they are read. */
const guides = [
  "node",
  "browser",
  "checkpoints",
  "precision",
  "sampling",
  "state",
  "inside",
  "evaluation",
  "performance",
  "chat",
  "cli",
  "server",
  "how-it-works",
  "kernel",
];

const decisions = readdirSync(`${pages}/decisions`)
  .filter((file) => /^\d{4}-.*\.md$/.test(file))
  .map((file) => file.slice(0, -".md".length));

const config: UserConfig<DefaultTheme.Config> = {
  title: "BlackMamba",
  description: "BlackMamba language models in JavaScript: on WebGPU and on the CPU, in Node and in the browser.",
  lang: "en",
  srcDir: pages,
  cacheDir: path("../node_modules/.cache/vitepress"),
  outDir: path("../dist"),
  lastUpdated: false,
  // Any server has files by their names; not any server knows another name for them.
  cleanUrls: false,
  // What all pages share is in one file rather than in each: the list of all pages is long.
  metaChunk: true,
  // The first of VitePress' own is too pale for small letters.
  markdown: { math: true, theme: { light: "github-light-high-contrast", dark: "github-dark" } },
  themeConfig: {
    // Its button is called what is written on it.
    search: { provider: "local", options: { translations: { button: { buttonAriaLabel: "" } } } },
    outline: [2, 3],
    nav: [
      { text: "Guides", link: "/guides/node", activeMatch: "/guides/" },
      { text: "Playground", link: "/playground" },
      { text: "API", link: "/api/", activeMatch: "/api/" },
      { text: "Project", link: "/architecture", activeMatch: "/(architecture|decisions|performance)" },
    ],
    sidebar: {
      "/": [
        { text: "Guides", items: guides.map((name) => entry(`guides/${name}`)) },
        {
          text: "Project",
          items: [
            entry("architecture"),
            entry("performance"),
            {
              ...entry("decisions/index"),
              collapsed: true,
              items: decisions.map((name) => entry(`decisions/${name}`)),
            },
          ],
        },
      ],
      ...apiSidebars(),
    },
  },
  vite: {
    plugins: [
      // Not in the pages' bundle: a page is read by many who never start a model.
      viteStaticCopy({ targets: [{ src: `${modelFolder}*`, dest: "storyteller" }] }),
    ],
    worker: { format: "es" },
    // What the pages' live parts need, so that it is not found out, and the page loaded again, when a visitor has begun.
    optimizeDeps: {
      entries: [path("../playground/*.vue"), path("../../../packages/model/dist/worker/entry.js")],
    },
  },
  buildEnd,
};

export default ({ command }: { readonly command: "build" | "serve" }): UserConfig<DefaultTheme.Config> => ({
  ...config,
  base: command === "build" ? BASE_OF_BUILD : "/",
});

async function buildEnd({ outDir, site }: SiteConfig): Promise<void> {
  await relocateSite(outDir, site.base);
  const broken = await brokenLinks(outDir);
  if (broken.length > 0) throw new Error(`${broken.length} broken links:\n${broken.join("\n")}`);
}

/** A page as it stands in a list: under its own title. */
function entry(name: string): { readonly text: string; readonly link: string } {
  const [, title] = /^# (.+)$/m.exec(readFileSync(`${pages}/${name}.md`, "utf8")) ?? [];
  if (!title) throw new Error(`docs/${name}.md: expected a title, "# …", found none`);
  return { text: title, link: `/${name.replace(/(^|\/)index$/, "$1")}` };
}

/** The API reference's pages, as typedoc lists them, each package's beside its own: together they are hundreds. */
function apiSidebars(): DefaultTheme.SidebarMulti {
  const packages: DefaultTheme.SidebarItem[] = JSON.parse(readFileSync(`${pages}/api/typedoc-sidebar.json`, "utf8"));
  const list = packages.map(({ text = "", link = "" }) => ({ text, link }));
  const sidebars = packages.map((item) => [
    item.link,
    [
      { text: "API", link: "/api/" },
      { ...item, collapsed: false },
    ],
  ]);
  return { ...Object.fromEntries(sidebars), "/api/": [{ text: "API", link: "/api/", items: list }] };
}
