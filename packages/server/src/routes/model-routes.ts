/** `/v1/models`: the one model there is. */
import type { Hono } from "hono";
import { UnknownModelError } from "../errors.ts";
import type { ServerEnv } from "./server-env.ts";

export function addModelRoutes(app: Hono<ServerEnv>, modelName: string): void {
  const model = { id: modelName, object: "model", created: Math.floor(Date.now() / 1000), owned_by: "blackmamba" };
  app.get("/v1/models", (c) => c.json({ object: "list", data: [model] }));
  // Names on a hub have a slash.
  app.get("/v1/models/:id{.+}", (c) => {
    const id = c.req.param("id");
    if (id !== modelName) throw new UnknownModelError(id, modelName);
    return c.json(model);
  });
}
