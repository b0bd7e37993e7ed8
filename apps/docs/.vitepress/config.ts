/**
 * The site: what it is made of, and how it is reached. The pages are the Markdown files in `docs/`; `docs/api` is made by
 * `npm run docs:api`.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { modelFolder } from "@blackmamba/storyteller";
import { viteStaticCopy } from "vite-plugin-static-copy";
import { type DefaultTheme, defineConfig } from "vitepress";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const pages = path("../../../docs");

export default defineConfig({
  title: "BlackMamba",
  description: "BlackMamba language models in JavaScript: on WebGPU and on the CPU, in Node and in the browser.",
  lang: "en",
  srcDir: pages,
  cacheDir: path("../node_modules/.cache/vitepress"),
  outDir: path("../dist"),
  // Below any address: `SITE_BASE=/blackmamba/ npm run docs:build`.
  base: process.env["SITE_BASE"] ?? "/",
  lastUpdated: false,
  markdown: { math: true },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    nav: [
      { text: "Guides", link: "/guides/node" },
      { text: "Playground", link: "/playground" },
      { text: "API", link: "/api/" },
    ],
    sidebar: {
      "/": guides(),
      "/api/": apiSidebar(),
    },
  },
  vite: {
    plugins: [
      // Not in the pages' bundle: a page is read by many who never start a model.
      viteStaticCopy({ targets: [{ src: `${modelFolder}*`, dest: "storyteller" }] }),
    ],
    worker: { format: "es" },
  },
});

function guides(): DefaultTheme.SidebarItem[] {
  return [];
}

/** The pages of the API reference, as typedoc lists them; none where they have not been made. */
function apiSidebar(): DefaultTheme.SidebarItem[] {
  const list = `${pages}/api/typedoc-sidebar.json`;
  return existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : [];
}
