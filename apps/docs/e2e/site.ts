/**
 * Builds the site once for all tests that look at it in a browser, and serves it as any web server would.
 */
import { spawn } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import sirv from "sirv";
import type { TestProject } from "vitest/node";

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

const ISOLATION = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

/** Run by vitest before the tests of the site. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  const servers = [serve({}), serve(ISOLATION)];
  const [url, isolatedUrl] = (await Promise.all(servers.map(listening))) as [string, string];
  project.provide("site", { url, isolatedUrl });
  return async () => {
    for (const server of servers) server.close();
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

function serve(headers: Readonly<Record<string, string>>): Server {
  const files = sirv(path("../dist"), {
    etag: true,
    maxAge: 600,
    setHeaders: (response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    },
  });
  return createServer((request, response) => {
    const refuse = () => {
      response.statusCode = 404;
      response.end();
    };
    if (!request.url?.startsWith(BASE)) return refuse();
    request.url = request.url.slice(BASE.length - 1);
    files(request, response, refuse);
  });
}

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}${BASE}`;
}
