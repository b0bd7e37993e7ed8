/**
 * A model hub as its clients see it, without a network: answers requests from files in memory. Not here: sockets and what can happen
 * to them, see `node.ts`.
 */
/** The only commit of every model. */
export const HUB_COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** Makes a hub of these models, each with the branch `main`. */
export function createFakeHub({ models, largeByteLength = 1000, token, hasRanges = true }) {
  const requests = [];
  const entries = Promise.all(
    Object.entries(models).map(async ([name, files]) => {
      const all = Object.entries(files).map(([path, bytes]) => entryOf(path, bytes, largeByteLength));
      return [name, await Promise.all(all)];
    }),
  ).then((pairs) => new Map(pairs));
  const answer = async (request) => {
    const url = new URL(request.url);
    const range = request.headers.get("Range");
    requests.push(`${request.method} ${url.pathname}${range ? ` ${range}` : ""}`);
    const found = await entries;
    if (url.pathname.startsWith("/cdn/")) {
      const entry = [...found.values()].flat().find(({ sha256 }) => `/cdn/${sha256}` === url.pathname);
      if (request.headers.has("Authorization")) return new Response("one authorisation only", { status: 400 });
      return entry ? fileResponse(request, entry, hasRanges) : new Response("", { status: 404 });
    }
    if (token && request.headers.get("Authorization") !== `Bearer ${token}`) {
      return json({ error: "Invalid username or password." }, 401);
    }
    return answerModel(url, request, found, hasRanges);
  };
  const follow = async (input, init) => {
    init?.signal?.throwIfAborted();
    let response = await answer(new Request(input, init));
    const location = response.headers.get("Location");
    if (location) {
      const { Authorization: _, ...headers } = init?.headers ?? {};
      response = await answer(new Request(location, { ...init, headers }));
    }
    return response;
  };
  return {
    answer,
    fetch: follow,
    requests,
    corrupt: (path, bytes) =>
      void entries.then((found) => {
        for (const entry of [...found.values()].flat()) if (entry.path === path) entry.bytes = bytes;
      }),
  };
}
function answerModel(url, request, models, hasRanges) {
  const [, api, name = "", what, revision, path = ""] =
    /^\/(api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/]+)(?:\/(.+))?$/.exec(url.pathname) ?? [];
  const files = models.get(name);
  if (!files || (revision !== "main" && revision !== HUB_COMMIT)) return json({ error: "Repository not found" }, 404);
  if (api && what === "revision") {
    const counts = { downloads: 0, likes: 0, lastModified: "2026-01-01T00:00:00.000Z" };
    return json({ _id: "1", id: name, private: false, gated: false, ...counts, sha: HUB_COMMIT });
  }
  if (api && what === "tree") {
    const listed = files.map(({ path: at, oid, sha256, bytes }) => {
      const lfs = sha256 && { lfs: { oid: sha256, size: bytes.byteLength, pointerSize: 130 } };
      return { type: "file", path: at, oid, size: bytes.byteLength, ...lfs };
    });
    return json([{ type: "directory", path: "runs", oid: "0".repeat(40), size: 0 }, ...listed]);
  }
  const entry = files.find((each) => each.path === decodeURIComponent(path));
  if (!entry) return new Response("", { status: 404, headers: { "X-Error-Code": "EntryNotFound" } });
  if (entry.sha256) {
    const headers = { Location: `${elsewhere(url)}/cdn/${entry.sha256}`, "X-Linked-ETag": `"${entry.sha256}"` };
    return new Response(null, { status: 302, headers });
  }
  return fileResponse(request, entry, hasRanges);
}
/** Another origin, to which no authorisation may be sent: on this machine the same server by another name. */
function elsewhere({ protocol, hostname, host, port }) {
  return hostname === "127.0.0.1" ? `${protocol}//localhost:${port}` : `${protocol}//cdn.${host}`;
}
/** All of a file, or the part that was asked for. */
export function fileResponse(request, { bytes, oid }, hasRanges) {
  const common = { ETag: `"${oid}"`, "Content-Type": "application/octet-stream" };
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("Range") ?? "") ?? [];
  const isPart = hasRanges && from !== undefined;
  const start = isPart ? Number(from) : 0;
  if (start >= bytes.byteLength && isPart) {
    return new Response("", { status: 416, headers: { "Content-Range": `bytes */${bytes.byteLength}` } });
  }
  const end = isPart && to ? Math.min(Number(to) + 1, bytes.byteLength) : bytes.byteLength;
  const headers = { ...common, "Content-Length": String(end - start) };
  const body = request.method === "HEAD" ? null : bytes.slice(start, end);
  if (!isPart) return new Response(body, { headers });
  const range = { "Content-Range": `bytes ${start}-${end - 1}/${bytes.byteLength}` };
  return new Response(body, { status: 206, headers: { ...headers, ...range } });
}
async function entryOf(path, bytes, largeByteLength) {
  const header = new TextEncoder().encode(`blob ${bytes.byteLength}\0`);
  const blob = new Uint8Array(header.byteLength + bytes.byteLength);
  blob.set(header);
  blob.set(bytes, header.byteLength);
  const isLarge = bytes.byteLength > largeByteLength;
  const sha256 = isLarge ? await hex("SHA-256", bytes) : undefined;
  return { path, bytes, oid: await hex("SHA-1", blob), sha256 };
}
async function hex(algorithm, bytes) {
  const digest = await crypto.subtle.digest(algorithm, bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
function json(value, status = 200) {
  return Response.json(value, { status });
}
//# sourceMappingURL=fake-hub.js.map
