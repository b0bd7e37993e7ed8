/**
 * What can go wrong between a server, a cache and a model: one class each, with a stable code. Not here: aborts, which throw the
 * `AbortSignal`'s own reason, as `fetch` does.
 */
import { CheckpointError } from "@blackmamba/checkpoint";

/** The server answers, but not with what was asked for. */
export class HttpStatusError extends CheckpointError {
  /** As the server sent it, such as 404. */
  readonly status: number;

  constructor(source: string, status: number) {
    super("ERR_HTTP_STATUS", source, `the server answers with status ${status}; ${cureOf(status)}`);
    this.status = status;
  }
}

function cureOf(status: number): string {
  if (status === 401 || status === 403) return "it wants an access token, or another one";
  if (status === 404 || status === 410) return "check the address";
  return "try again later, or ask who runs it";
}

/** An address is none that can be fetched. */
export class AddressError extends CheckpointError {
  constructor(address: string) {
    super("ERR_HTTP_ADDRESS", address, 'an address that begins with "https://" or "http://" expected; mend it');
  }
}

/** No connection, or one that broke again and again without a byte between. */
export class ConnectionError extends CheckpointError {
  /** What happened, without the source's name and without the cure. */
  readonly reason: string;

  constructor(source: string, reason: string, options?: ErrorOptions) {
    super(
      "ERR_HTTP_CONNECTION",
      source,
      `${reason}; is the network up? Try again; a download goes on where it ended`,
      options,
    );
    this.reason = reason;
  }
}

/** The file on the server became another one while it was being read. */
export class ChangedFileError extends CheckpointError {
  constructor(source: string, message: string) {
    super("ERR_HTTP_CHANGED", source, `the file on the server has changed: ${message}; load it again`);
  }
}

/** The server's answer contradicts what it said before, or says too little. */
export class ResponseError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_HTTP_RESPONSE", source, message, options);
  }
}

/** What came is not what was published. Nothing of it is kept. */
export class HashMismatchError extends CheckpointError {
  constructor(source: string, algorithm: string, expected: string, found: string) {
    super(
      "ERR_HUB_HASH",
      source,
      `${algorithm} ${expected} expected, ${found} found: what came is not what was published; it is deleted, load it again`,
    );
  }
}

/** The name of a model on a hub is none. */
export class HubNameError extends CheckpointError {
  constructor(name: string, message: string) {
    super("ERR_HUB_NAME", name, message);
  }
}

/** The hub has no such model, revision or file, or does not show it. */
export class HubNotFoundError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_HUB_NOT_FOUND", source, message, options);
  }
}

/** The cache cannot be read or written. What was fetched is kept. */
export class CacheError extends CheckpointError {
  constructor(source: string, message: string, options?: ErrorOptions) {
    super("ERR_HUB_CACHE", source, message, options);
  }
}
