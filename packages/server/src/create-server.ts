/** A server: its addresses, and what happens at each. It answers `Request`s, and listens nowhere: `node.ts` does. */
import { OptionError } from "@blackmamba/model";
import { Hono } from "hono";
import { cors } from "hono/cors";
import type { Registry } from "prom-client";
import { toApiError } from "./answer.ts";
import { createServedTemplate } from "./chat-template.ts";
import { MethodError, UnknownRouteError } from "./errors.ts";
import type { RequestLimits } from "./limits.ts";
import { Metrics } from "./metrics.ts";
import { METHODS, type RequestRecord, routeOf } from "./request-record.ts";
import { checkKeys } from "./routes/check-keys.ts";
import { addModelRoutes } from "./routes/model-routes.ts";
import { recordRequests } from "./routes/record-requests.ts";
import { type ServerEnv, sendError } from "./routes/server-env.ts";
import { addStatusRoutes } from "./routes/status-routes.ts";
import { addTextRoutes } from "./routes/text-routes.ts";
import type { ServedModel } from "./served-model.ts";
import { type ServerState, Serving } from "./serving.ts";

/** Options of {@link createServer}. */
export interface ServerOptions {
  /** What clients call the model. */
  readonly modelName: string;
  /** Keys, one of which every request below `/v1` has to bring. Default none: everyone may ask. */
  readonly keys?: readonly string[] | undefined;
  /** Texts that are decoded together. Default 32. */
  readonly batchSize?: number | undefined;
  /** Texts that may wait for a place beside those; more are refused with 429. Default 128. */
  readonly queueSize?: number | undefined;
  /** The longest that one request may take, waiting included. Default 600,000. */
  readonly timeoutMs?: number | undefined;
  /** A client that takes nothing of a stream for so long has gone. Default 30,000. */
  readonly stallMs?: number | undefined;
  /** A stream says that it is still there when nothing else was said for so long. Default 15,000. */
  readonly heartbeatMs?: number | undefined;
  readonly limits?: Partial<RequestLimits> | undefined;
  /** Origins whose pages may ask, `"*"` for all. Default none. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Jinja, for chats. Default: a plain transcript. */
  readonly chatTemplate?: string | undefined;
  /** Bytes for prompts that are kept, for others that begin alike. Default 0: none are kept. */
  readonly prefixCacheByteLength?: number | undefined;
  /** Called when a request was answered, or given up. */
  readonly onRequest?: ((record: RequestRecord) => void) | undefined;
}

/** A server that listens nowhere yet. */
export interface Server {
  /** Answers a request; it never rejects. */
  fetch(request: Request): Promise<Response>;
  readonly state: ServerState;
  /** Resolves when the model is there; rejects with why it is not. */
  readonly ready: Promise<void>;
  /** What `/metrics` shows. */
  readonly registry: Registry;
  /** Takes nothing more, and waits for what is under way; after `deadlineMs` (30,000 by default) that is ended. */
  close(options?: { readonly deadlineMs?: number | undefined }): Promise<void>;
}

/**
 * Makes a server for a model.
 *
 * @param model - or the promise of one: until it is there, `/health` answers 503, and so do requests for text. It stays the caller's
 *   to dispose of, after `close`
 * @throws OptionError, ChatTemplateError
 */
export function createServer(model: ServedModel | Promise<ServedModel>, options: ServerOptions): Server {
  const { modelName, keys = [], corsOrigins = [], onRequest, chatTemplate } = options;
  const { batchSize = 32, queueSize = 128, prefixCacheByteLength = 0, limits = {} } = options;
  const { timeoutMs = 600_000, stallMs = 30_000, heartbeatMs = 15_000 } = options;
  checkCounts({ batchSize, timeoutMs, stallMs, heartbeatMs, ...limits }, 1);
  checkCounts({ queueSize, prefixCacheByteLength }, 0);

  const metrics = new Metrics();
  const serving = new Serving(model, { batchSize, queueSize, prefixCacheByteLength, limits }, metrics);
  const app = new Hono<ServerEnv>();
  app.use(
    recordRequests((record) => {
      metrics.countRequest(record);
      onRequest?.(record);
    }),
  );
  if (corsOrigins.length > 0) {
    const origin = corsOrigins.includes("*") ? "*" : [...corsOrigins];
    app.use(cors({ origin, allowMethods: ["GET", "POST"], exposeHeaders: RETRY_HEADERS }));
  }
  app.use("/v1/*", checkKeys(keys));
  addStatusRoutes(app, serving, metrics);
  addModelRoutes(app, modelName);
  addTextRoutes(app, serving, {
    modelName,
    template: createServedTemplate(chatTemplate),
    timeoutMs,
    stallMs,
    heartbeatMs,
    metrics,
  });
  app.notFound((c) => {
    const { method, path } = c.req;
    const allowed = METHODS[routeOf(path)];
    return sendError(
      c,
      allowed === undefined ? new UnknownRouteError(method, path) : new MethodError(method, path, allowed),
    );
  });
  app.onError((error, c) => sendError(c, toApiError(error)));

  return {
    fetch: async (request) => app.fetch(request),
    get state() {
      return serving.state;
    },
    ready: serving.ready,
    registry: metrics.registry,
    close: ({ deadlineMs = 30_000 } = {}) => serving.close(deadlineMs),
  };
}

/** What clients in a page have to see, to come again when they should. */
const RETRY_HEADERS = ["Retry-After", "X-Should-Retry"];

/** Options that count something. */
function checkCounts(counts: Readonly<Record<string, number | undefined>>, least: number): void {
  for (const [name, value] of Object.entries(counts)) {
    if (value === undefined || (Number.isInteger(value) && value >= least)) continue;
    throw new OptionError(name, `a whole number of at least ${least}`, value);
  }
}
