/** Asks a hub what a revision of a model is made of. */

import { CheckpointError } from "@blackmamba/checkpoint";
import type { HubFile, HubListing } from "../cache/hub-file.ts";
import type { FileHash } from "../download/hash.ts";
import { ConnectionError, HubNotFoundError, ResponseError } from "../errors.ts";
import { reasonOf } from "../http/reason.ts";
import { request } from "../http/request.ts";
import type { HubName } from "./hub-name.ts";

/** How a hub is asked. */
export interface HubAccess {
  /** Address of the hub, without a "/" at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly fetch: typeof fetch | undefined;
  readonly silenceMs: number | undefined;
}

/** What a request says of who asks. */
export function authorization(token: string | undefined): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** No model has so many files; a listing without an end is a server's mistake. */
const MOST_FILES = 100_000;
/** Each page of a listing has up to a thousand. */
const MOST_REQUESTS = 1000;

/**
 * The files of the revision's top folder, and the commit that it is now.
 *
 * @throws HubNotFoundError, ConnectionError, ResponseError
 */
export async function listRevision(
  { model, revision }: HubName,
  access: HubAccess,
  signal: AbortSignal | undefined,
): Promise<HubListing> {
  // Loaded only here: most models lie in a folder or in the cache.
  const { HubApiError, listFiles, modelInfo } = await import("@huggingface/hub");
  const { endpoint: hubUrl, token } = access;
  const name = revision === "main" ? model : `${model}@${revision}`;
  let requests = 0;
  const ask: typeof fetch = (input, init) => {
    if (++requests > MOST_REQUESTS) throw endless(name);
    const url = String(input);
    // The token goes in here, as the library takes only those of huggingface.co. The next page's address is the server's word.
    const own = url.startsWith(`${hubUrl}/`) ? authorization(token) : {};
    const headers = { ...(init?.headers as Record<string, string>), ...own };
    return request(name, { url, headers, fetch: access.fetch, silenceMs: access.silenceMs, signal });
  };
  const common = { hubUrl, fetch: ask };
  try {
    const { sha: commit } = await modelInfo({ ...common, name: model, revision, additionalFields: ["sha"] });
    if (!/^[0-9a-f]{40}$/.test(commit)) {
      throw new ResponseError(name, `a commit expected, "${commit}" found; check HF_ENDPOINT`);
    }
    const files: HubFile[] = [];
    let entries = 0;
    for await (const entry of listFiles({ ...common, repo: model, revision: commit })) {
      if (++entries > MOST_FILES) throw endless(name);
      if (entry.type === "file") files.push({ model, commit, ...readEntry(name, entry) });
    }
    return { commit, files };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof HubApiError) throw refused(name, access, cause);
    if (cause instanceof CheckpointError) throw cause;
    if (cause instanceof SyntaxError || cause instanceof TypeError) {
      throw new ResponseError(name, `${hubUrl} does not answer as a hub does (${reasonOf(cause)}); check HF_ENDPOINT`, {
        cause,
      });
    }
    throw new ConnectionError(name, `${hubUrl} cannot be reached (${reasonOf(cause)})`, { cause });
  }
}

function endless(name: string): ResponseError {
  return new ResponseError(name, `at most ${MOST_FILES} files expected, more found; check the model's name`);
}

/** What a listing says of a file. */
interface HubEntry {
  readonly path: string;
  readonly size: number;
  readonly oid?: string | undefined;
  readonly lfs?: { readonly oid: string } | undefined;
}

function readEntry(name: string, { path, size, oid, lfs }: HubEntry): Pick<HubFile, "path" | "byteLength" | "hash"> {
  if (!Number.isSafeInteger(size) || size < 0) {
    throw new ResponseError(name, `the size of ${path} in bytes expected, ${String(size)} found; check HF_ENDPOINT`);
  }
  return { path: checkPath(name, path), byteLength: size, hash: hashOf(name, path, oid, lfs?.oid) };
}

function refused(
  name: string,
  { endpoint, token }: HubAccess,
  cause: Error & { readonly statusCode: number },
): HubNotFoundError | ConnectionError {
  const { statusCode } = cause;
  if (statusCode >= 500 || statusCode === 429) {
    return new ConnectionError(name, `${endpoint} answers with status ${statusCode}`, { cause });
  }
  const isPrivate = statusCode === 401 || statusCode === 403;
  const cure = token
    ? "check the name and the revision, and whether the token in HF_TOKEN may read it"
    : "check the name and the revision; if it is private or gated, put an access token into HF_TOKEN";
  const what = isPrivate ? "does not show this model, or has none of this name" : "has no such model or revision";
  return new HubNotFoundError(name, `${endpoint} ${what} (status ${statusCode}); ${cure}`, { cause });
}

/** A path becomes part of a path here: it may not lead anywhere else. */
function checkPath(name: string, path: string): string {
  const isSafe =
    /^[^\\\0:]+$/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (isSafe) return path;
  throw new ResponseError(
    name,
    `a file's path within the model expected, ${JSON.stringify(path)} found; check HF_ENDPOINT`,
  );
}

function hashOf(name: string, path: string, oid: string | undefined, lfs: string | undefined): FileHash {
  // Some hubs say which hash it is.
  const sha256 = lfs?.replace(/^sha256:/, "");
  if (sha256 && /^[0-9a-f]{64}$/.test(sha256)) return { algorithm: "sha256", hex: sha256 };
  if (!lfs && oid && /^[0-9a-f]{40}$/.test(oid)) return { algorithm: "git-sha1", hex: oid };
  throw new ResponseError(
    name,
    `the hub gives no hash for ${path} that could be checked, but "${lfs ?? oid}"; download the model's files yourself, and give their folder`,
  );
}
