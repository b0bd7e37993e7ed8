/** Lets requests with a key through. */
import type { MiddlewareHandler } from "hono";
import { createKeyCheck } from "../keys.ts";
import type { ServerEnv } from "./server-env.ts";

export function checkKeys(keys: readonly string[]): MiddlewareHandler<ServerEnv> {
  const check = createKeyCheck(keys);
  return async (c, next) => {
    await check(c.req.header("authorization"));
    await next();
  };
}
