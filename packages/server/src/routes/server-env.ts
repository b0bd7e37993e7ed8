/** What the parts of a server share about a request, and how they answer with an error. */
import type { Context } from "hono";
import type { ApiError } from "../errors.ts";
import type { Exchange } from "../exchange.ts";

/** Hono's type of what goes along with a request. */
export interface ServerEnv {
  Variables: {
    /** Of requests for text, once they are read. */
    exchange?: Exchange;
    /** What the answer is, if it is an error. */
    failure?: ApiError;
  };
}

export function sendError(c: Context<ServerEnv>, error: ApiError): Response {
  c.set("failure", error);
  return Response.json(error.body(), { status: error.status, headers: error.headers });
}
