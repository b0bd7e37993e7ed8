/**
 * A web server for files, as a page that runs a model wants it: with ranges, with what lets a browser keep them, and cross-origin
 * isolated, so that threads may share memory. For this machine only.
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const TYPES = new Map([
  [".html", "text/html"],
  [".js", "text/javascript"],
  [".json", "application/json"],
]);

/**
 * @typedef {object} FileServer
 * @property {string} url without a "/" at the end
 * @property {() => Promise<void>} close
 */

/**
 * @param {(path: string) => { text: string } | { file: string } | undefined} find what is at a path, such as "/index.html": a text,
 *   or a file by its path
 * @returns {Promise<FileServer>}
 */
export async function serveFiles(find) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const found = find(decodeURIComponent(pathname));
    const facts = found && "file" in found ? await stat(found.file).catch(() => undefined) : undefined;
    const size = found && "text" in found ? Buffer.byteLength(found.text) : facts?.size;
    if (!found || size === undefined) {
      response.writeHead(404).end();
      return;
    }
    const headers = {
      "Content-Type": TYPES.get(extname(pathname)) ?? "application/octet-stream",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
      "Cache-Control": "max-age=3600",
      "Accept-Ranges": "bytes",
      ETag: `"${size}-${facts?.mtimeMs ?? ""}"`,
    };
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const start = range ? Number(range[1]) : 0;
    const end = Math.min(range?.[2] ? Number(range[2]) + 1 : size, size);
    if (start >= end && range) {
      response.writeHead(416, { ...headers, "Content-Range": `bytes */${size}` }).end();
      return;
    }
    response.writeHead(range ? 206 : 200, {
      ...headers,
      "Content-Length": end - start,
      ...(range ? { "Content-Range": `bytes ${start}-${end - 1}/${size}` } : {}),
    });
    if (request.method === "HEAD" || start === end) response.end();
    else if ("text" in found) response.end(Buffer.from(found.text).subarray(start, end));
    else createReadStream(found.file, { start, end: end - 1 }).pipe(response);
  });
  await /** @type {Promise<void>} */ (new Promise((resolve) => server.listen(0, "127.0.0.1", resolve)));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://localhost:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
