/**
 * The mistakes that can be made with a server. Those of a client become an answer in OpenAI's form, with a status; those of who
 * starts the server are at the end.
 */
import { CodedError } from "@blackmamba/model";

/** What OpenAI's servers answer with instead of a result. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    /** The parameter that is wrong, such as `"messages[0].role"`. */
    readonly param: string | null;
    readonly code: string;
  };
}

/** Kinds of errors, as OpenAI names them. */
export type ErrorType = "invalid_request_error" | "rate_limit_error" | "server_error";

/** What is told of an {@link ApiError} besides its code and its message. */
export interface ApiErrorOptions {
  /** The HTTP status. */
  readonly status: number;
  /** Default `"invalid_request_error"`. */
  readonly type?: ErrorType;
  readonly param?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A request that is not answered with what it asked for. Its `code` is the one that the client is told. */
export class ApiError extends CodedError {
  /** The HTTP status. */
  readonly status: number;
  readonly type: ErrorType;
  readonly param: string | undefined;
  /** Headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: string, message: string, options: ApiErrorOptions) {
    super(code, message, { cause: options.cause });
    this.status = options.status;
    this.type = options.type ?? "invalid_request_error";
    this.param = options.param;
    this.headers = options.headers ?? {};
  }

  /** As it is sent. */
  body(): ErrorBody {
    const { message, type, param = null, code } = this;
    return { error: { message, type, param, code } };
  }
}

/** A parameter has a value that it cannot have. */
export class InvalidParameterError extends ApiError {
  constructor(param: string, expected: string, found: unknown) {
    super("invalid_value", `${param}: expected ${expected}, found ${describe(found)}`, { status: 400, param });
  }
}

/** A parameter that OpenAI's interface has, and that this server cannot heed. */
export class UnsupportedParameterError extends ApiError {
  constructor(param: string, cure: string) {
    super("unsupported_parameter", `${param}: expected it to be left out, found a value; ${cure}`, {
      status: 400,
      param,
    });
  }
}

/** A parameter that neither OpenAI nor this server knows. */
export class UnknownParameterError extends ApiError {
  constructor(param: string, known: readonly string[]) {
    const name = shorten(param);
    const message = `${name}: expected one of ${known.join(", ")}, found a parameter that is not known here; leave it out`;
    super("unknown_parameter", message, { status: 400, param: name });
  }
}

/** The body is not a JSON object. */
export class BodyError extends ApiError {
  constructor(expected: string, found: string) {
    super("invalid_json", `the request's body: expected ${expected}, found ${found}`, { status: 400 });
  }
}

/** The body has more bytes than are read. */
export class BodyTooLargeError extends ApiError {
  constructor(limit: number) {
    const message = `the request's body: expected at most ${limit} bytes, found more; send less, or several requests`;
    super("request_too_large", message, { status: 413 });
  }
}

/** The body says that it is something else than JSON. */
export class MediaTypeError extends ApiError {
  constructor(header: string, expected: string, found: string) {
    super("unsupported_media_type", `header ${header}: expected ${expected}, found ${found}`, { status: 415 });
  }
}

/** No key, or one that is not known. */
export class InvalidKeyError extends ApiError {
  constructor(found: string) {
    const message = `header Authorization: expected "Bearer" and one of this server's keys, found ${found}`;
    super("invalid_api_key", message, { status: 401, headers: { "WWW-Authenticate": "Bearer" } });
  }
}

/** There is nothing at this address. */
export class UnknownRouteError extends ApiError {
  constructor(method: string, path: string) {
    const message = `${method} ${shorten(path)}: expected an address of this server, found none; its guide lists them`;
    super("unknown_url", message, { status: 404 });
  }
}

/** The address is one of this server's, but not with this method. */
export class MethodError extends ApiError {
  constructor(method: string, path: string, allowed: string) {
    const message = `${method} ${path}: expected ${allowed}, found ${method}`;
    super("method_not_allowed", message, { status: 405, headers: { Allow: allowed } });
  }
}

/** A model is named that is not the one that is served. */
export class UnknownModelError extends ApiError {
  constructor(found: string, served: string) {
    const message = `model: expected ${JSON.stringify(served)}, found ${describe(found)}; GET /v1/models lists what is served`;
    super("model_not_found", message, { status: 404, param: "model" });
  }
}

/** As many texts are under way and waiting as the server takes. */
export class QueueFullError extends ApiError {
  constructor(open: number, retryAfterSeconds: number) {
    const message = `expected a place in the queue, found ${open} texts before this one; try again in ${retryAfterSeconds} s`;
    super("rate_limit_exceeded", message, {
      status: 429,
      type: "rate_limit_error",
      headers: { "Retry-After": String(retryAfterSeconds) },
    });
  }
}

/** The server does not answer requests for text just now. */
export class NotReadyError extends ApiError {
  constructor(state: string) {
    const found = state === "loading" ? "it is still loading its model" : `it is ${state}`;
    super("not_ready", `expected the server to be ready, found that ${found}; try again`, {
      status: 503,
      type: "server_error",
      headers: { "Retry-After": "5" },
    });
  }
}

/** A request has taken as long as one may. */
export class RequestTimeoutError extends ApiError {
  constructor(timeoutMs: number) {
    const message = `expected the text to be done in ${timeoutMs / 1000} s, found that it is not; ask for fewer tokens`;
    // Clients of OpenAI would ask again at once, and wait as long again.
    super("timeout", message, { status: 504, type: "server_error", headers: { "X-Should-Retry": "false" } });
  }
}

/** The client has gone, or takes nothing of what is written to it. Nobody reads this; logs and metrics show it. */
export class ClientGoneError extends ApiError {
  constructor(how: string) {
    super("client_gone", `expected a client that reads the answer, found that it ${how}`, { status: 499 });
  }
}

/** The server failed. What went wrong is its keeper's to read, not the client's. */
export class InternalError extends ApiError {
  constructor(cause: unknown) {
    super("internal_error", "the server failed at this request; its log says why", {
      status: 500,
      type: "server_error",
      cause,
    });
  }
}

/** No port to listen on. */
export class ListenError extends CodedError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_LISTEN", message, options);
  }
}

/** Most characters of a value in a message. */
const SHOWN = 60;

/** A value as a message names it. Never all of a long one, nor what is inside of a nested one. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 1 ? "an array of 1" : `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? JSON.stringify(shorten(value)) : String(value);
}

function shorten(text: string): string {
  // No half of a character.
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
