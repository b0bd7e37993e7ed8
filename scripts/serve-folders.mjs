/**
 * Serves folders as any web server would: ranges, and how long files may be kept. For this machine only.
 */
import { createServer } from "node:http";
import sirv from "sirv";

/** What lets a page share memory with threads. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/**
 * @param {Readonly<Record<string, string>>} folders by where they are, such as "/model/"; the first that fits is taken
 * @param {Readonly<Record<string, string>>} [headers] that every answer has
 * @returns {Promise<{ url: string, close: () => Promise<void> }>} `url` without a "/" at the end
 */
export async function serveFolders(folders, headers = {}) {
  /** @param {import("node:http").ServerResponse} response */
  const setHeaders = (response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  };
  const mounts = Object.entries(folders).map(([at, folder]) => ({
    at,
    serve: sirv(folder, { etag: true, maxAge: 3600, setHeaders }),
  }));
  const server = createServer((request, response) => {
    const refuse = () => void response.writeHead(404).end();
    const mount = mounts.find(({ at }) => request.url?.startsWith(at));
    if (!mount) return refuse();
    request.url = request.url?.slice(mount.at.length - 1);
    mount.serve(request, response, refuse);
  });
  await /** @type {Promise<void>} */ (new Promise((resolve) => server.listen(0, "127.0.0.1", resolve)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
