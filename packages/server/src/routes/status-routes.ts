/** `/health` and `/metrics`: for those who keep the server running. Without a key. */
import type { Hono } from "hono";
import type { Metrics } from "../metrics.ts";
import type { Serving } from "../serving.ts";
import type { ServerEnv } from "./server-env.ts";

export function addStatusRoutes(app: Hono<ServerEnv>, serving: Serving, { registry }: Metrics): void {
  /** Readiness: whether requests are taken. */
  app.get("/health", (c) => c.json({ status: serving.state }, serving.state === "ready" ? 200 : 503));
  /** Liveness: whether the process answers at all. */
  app.get("/health/live", (c) => c.json({ status: serving.state }));
  app.get("/metrics", async (c) => c.text(await registry.metrics(), 200, { "Content-Type": registry.contentType }));
}
