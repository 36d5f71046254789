import type { TenantId } from "@es/core";
import { RequestError } from "@es/service";
import type { SessionProjectionJson } from "@es/session-projection";
import type { SessionReadRepositoryClickHouse } from "@es/session-projection/clickhouse";
import { Hono } from "hono";
import { readSessionListQuery } from "./query.js";
import type { Reader } from "./reader.js";

export type SessionReads = Pick<SessionReadRepositoryClickHouse, "listSessions" | "getSession">;

/** `GET /`, `GET /{sessionId}`. */
export function sessionRoutes(sessions: SessionReads): Hono<Reader> {
  const app = new Hono<Reader>();

  app.get("/", async (context) => {
    const { tenantId } = context.var;
    const query = readSessionListQuery(context.req.query());
    return context.json(await sessions.listSessions({ ...query, tenantId }));
  });

  app.get("/:sessionId", async (context) => {
    return context.json(await readSession(sessions, context.var.tenantId, context.req.param("sessionId")));
  });

  return app;
}

/** @throws RequestError 404 `SESSION_NOT_FOUND` */
export async function readSession(
  sessions: SessionReads,
  tenantId: TenantId,
  sessionId: string,
): Promise<SessionProjectionJson> {
  const session = await sessions.getSession(tenantId, sessionId);
  if (session !== null) return session;
  const named = JSON.stringify(sessionId.slice(0, 200));
  throw new RequestError(404, "SESSION_NOT_FOUND", `There is no session ${named}`);
}
