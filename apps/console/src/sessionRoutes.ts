import type { TenantId } from "@es/core";
import { answerJson, RequestError } from "@es/host";
import type { SessionProjectionJson } from "@es/session-projection";
import type { SessionReadRepositoryClickHouse } from "@es/session-projection/clickhouse";
import { Hono } from "hono";
import { readSessionListQuery } from "./query.js";
import type { Reader } from "./reader.js";
import type { ReadGate } from "./readGate.js";

export type SessionReads = Pick<SessionReadRepositoryClickHouse, "listSessions" | "getSession">;

/** `GET /`, `GET /{sessionId}`. */
export function sessionRoutes(sessions: SessionReads, gate: ReadGate): Hono<Reader> {
  const app = new Hono<Reader>();

  app.get("/", gate.admit("page"), async (context) => {
    const { tenantId } = context.var;
    const query = readSessionListQuery(context.req.query());
    const { signal } = context.req.raw;
    return answerJson(context, tenantId, await sessions.listSessions({ ...query, tenantId, signal }));
  });

  app.get("/:sessionId", gate.admit("single"), async (context) => {
    const { tenantId } = context.var;
    const session = await readSession(sessions, tenantId, context.req.param("sessionId"));
    return answerJson(context, tenantId, session);
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
