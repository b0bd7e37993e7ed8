/**
 * Builds the site once for all tests that look at it in a browser, and serves it as any web server would.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { ISOLATION, serveFolders } from "../../../scripts/serve-folders.mjs";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the site is served, each with a slash at the end. */
    site: {
      /** Plainly: files, ranges of them, and how long they may be kept. */
      readonly url: string;
      /** The same, so that pages may share memory with threads. */
      readonly isolatedUrl: string;
    };
  }
}

/** Not the root of the server, so that what wants to be there is found out. */
const BASE = "/below/a/path/";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Run by vitest before the tests of the site. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  const folders = { [BASE]: path("../dist") };
  const [plain, isolated] = await Promise.all([serveFolders(folders), serveFolders(folders, ISOLATION)]);
  project.provide("site", { url: `${plain.url}${BASE}`, isolatedUrl: `${isolated.url}${BASE}` });
  return async () => {
    await Promise.all([plain.close(), isolated.close()]);
  };
}

/** Builds it, unless nothing has changed. */
async function build(): Promise<void> {
  const child = spawn("npm", ["run", "--silent", "docs:build"], {
    cwd: path("../../.."),
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CI: "true", NO_COLOR: "1" },
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      log += text;
    });
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`docs:build ended with ${code}:\n${log}`);
}
