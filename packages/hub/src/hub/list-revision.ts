/** Asks a hub what a revision of a model is made of. */
import type { HubFile, HubListing } from "../cache/hub-file.ts";
import type { FileHash } from "../download/hash.ts";
import { ConnectionError, HubNotFoundError, ResponseError } from "../errors.ts";
import type { HubName } from "./hub-name.ts";

/** How a hub is asked. */
export interface HubAccess {
  /** Address of the hub, without a "/" at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly fetch: typeof fetch | undefined;
}

/** What a request says of who asks. */
export function authorization(token: string | undefined): Record<string, string> {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** No model has so many files; a listing without an end is a server's mistake. */
const MOST_FILES = 100_000;

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
  // The token goes in here, as the library takes only those of huggingface.co.
  const ask: typeof fetch = (input, init) =>
    (access.fetch ?? fetch)(input, {
      ...init,
      headers: { ...(init?.headers as Record<string, string>), ...authorization(token) },
      signal: signal ?? null,
    });
  const common = { hubUrl, fetch: ask };
  const name = revision === "main" ? model : `${model}@${revision}`;
  try {
    const { sha: commit } = await modelInfo({ ...common, name: model, revision, additionalFields: ["sha"] });
    if (!/^[0-9a-f]{40}$/.test(commit)) throw new ResponseError(name, `a commit expected, "${commit}" found`);
    const files: HubFile[] = [];
    for await (const { type, path, size, oid, lfs } of listFiles({ ...common, repo: model, revision: commit })) {
      if (files.length >= MOST_FILES) throw new ResponseError(name, `more than ${MOST_FILES} files`);
      if (type !== "file") continue;
      files.push({
        model,
        commit,
        path: checkPath(name, path),
        byteLength: size,
        hash: hashOf(name, path, oid, lfs?.oid),
      });
    }
    return { commit, files };
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof HubApiError) throw refused(name, access, cause);
    if (cause instanceof ResponseError) throw cause;
    const { message } = cause instanceof Error && cause.cause instanceof Error ? cause.cause : (cause as Error);
    if (cause instanceof SyntaxError) {
      throw new ResponseError(name, `${hubUrl} does not answer as a hub does (${message}); check HF_ENDPOINT`, {
        cause,
      });
    }
    throw new ConnectionError(name, `${hubUrl} cannot be reached (${message})`, { cause });
  }
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
  throw new ResponseError(name, `a file's path within the model expected, ${JSON.stringify(path)} found`);
}

function hashOf(name: string, path: string, oid: string | undefined, lfs: string | undefined): FileHash {
  // Some hubs say which hash it is.
  const sha256 = lfs?.replace(/^sha256:/, "");
  if (sha256 && /^[0-9a-f]{64}$/.test(sha256)) return { algorithm: "sha256", hex: sha256 };
  if (!lfs && oid && /^[0-9a-f]{40}$/.test(oid)) return { algorithm: "git-sha1", hex: oid };
  throw new ResponseError(name, `the hub gives no hash for ${path} that could be checked, but "${lfs ?? oid}"`);
}
