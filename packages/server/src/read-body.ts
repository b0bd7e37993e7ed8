/** The body of a request: JSON, and no more of it than is taken. */
import { BodyError, BodyTooLargeError, ClientGoneError, describe, MediaTypeError } from "./errors.ts";
import { isObject } from "./openai/parameters.ts";

/**
 * Reads a body that is a JSON object.
 *
 * @throws ApiError: 400, 413, 415
 */
export async function readBody(request: Request, limit: number): Promise<Readonly<Record<string, unknown>>> {
  checkHeaders(request.headers, limit);
  const bytes = await readBytes(request, limit);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new BodyError("UTF-8", "bytes that are not");
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    // V8 says where, and quotes no more than a few characters.
    throw new BodyError("a JSON object", text === "" ? "nothing" : `no JSON (${(error as Error).message})`);
  }
  if (isObject(body)) return body;
  throw new BodyError("a JSON object", describe(body));
}

function checkHeaders(headers: Headers, limit: number): void {
  // Pages on other sites may send anything else without asking the server first.
  const type = headers.get("content-type");
  if (!/^application\/json\s*(;|$)/i.test(type ?? "")) {
    throw new MediaTypeError("Content-Type", "application/json", describe(type ?? undefined));
  }
  const encoding = headers.get("content-encoding");
  if (encoding !== null && encoding !== "identity") {
    throw new MediaTypeError("Content-Encoding", "none", describe(encoding));
  }
  if (Number(headers.get("content-length")) > limit) throw new BodyTooLargeError(limit);
}

async function readBytes(request: Request, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let byteLength = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const { done, value } = await reader.read().catch(() => {
      throw new ClientGoneError("went away before its request was whole");
    });
    if (done) break;
    byteLength += value.byteLength;
    if (byteLength > limit) {
      void reader.cancel().catch(() => {});
      throw new BodyTooLargeError(limit);
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(byteLength);
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.byteLength;
  }
  return bytes;
}
