import type { ProjectionQueue } from "@es/processing";
import { Hono } from "hono";

export interface QueueRoutesDependencies {
  readonly queue: Pick<ProjectionQueue, "counts">;
}

/** `GET /`: how many runs wait, are active, are parked. */
export function queueRoutes({ queue }: QueueRoutesDependencies): Hono {
  const app = new Hono();
  app.get("/", async (context) => context.json(await queue.counts()));
  return app;
}
