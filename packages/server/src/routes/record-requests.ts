/** Tells of each request when it has been answered, however that went. Outermost: sees all of them. */
import type { MiddlewareHandler } from "hono";
import { type RequestRecord, routeOf, shownPath } from "../request-record.ts";
import type { ServerEnv } from "./server-env.ts";

export function recordRequests(onRecord: (record: RequestRecord) => void): MiddlewareHandler<ServerEnv> {
  return async (c, next) => {
    const start = performance.now();
    const { method, path } = c.req;
    await next();
    const exchange = c.get("exchange");
    const record = (): void => {
      const error = exchange?.error ?? c.get("failure");
      const counts = exchange?.counts ?? { promptTokens: 0, completionTokens: 0, firstTokenMs: undefined };
      const status = error?.status ?? c.res.status;
      onRecord({
        ...{ method, path: shownPath(path), route: routeOf(path), status, error },
        ...{ ...counts, durationMs: performance.now() - start },
      });
    };
    if (exchange) exchange.onEnd(record);
    else record();
  };
}
