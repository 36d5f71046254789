import { Hono } from "hono";

/** Schedules everything that lags behind its events, now. Resolves with how many that were. */
export type ReconcileNow = () => Promise<number>;

export interface ReconcileRoutesDependencies {
  readonly reconcile: ReconcileNow;
}

/** `POST /`: `{ scheduled }`. */
export function reconcileRoutes({ reconcile }: ReconcileRoutesDependencies): Hono {
  const app = new Hono();
  app.post("/", async (context) => context.json({ scheduled: await reconcile() }));
  return app;
}
