import { isEventSourcingError, type TenantId } from "@es/core";
import { type Access, answerJson, createJsonApi, RequestError } from "@es/host";
import type { TraceReadRepositoryClickHouse } from "@es/trace-clickhouse";
import type { Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { contentSecurityPolicy } from "./pages/layout.js";
import { sessionListPage, sessionPage } from "./pages/sessionPages.js";
import { traceListPage } from "./pages/traceListPage.js";
import { tracePage } from "./pages/tracePage.js";
import {
  readExplainQuery,
  readListQuery,
  readSessionListQuery,
  readSessionQuery,
  readSpansQuery,
  readTraceId,
} from "./query.js";
import type { Reader } from "./reader.js";
import type { ReadGate } from "./readGate.js";
import { readSession, type SessionReads, sessionRoutes } from "./sessionRoutes.js";

export interface RoutesOptions {
  readonly repository: Pick<
    TraceReadRepositoryClickHouse,
    "listTraces" | "getTrace" | "getSpanPage" | "explainTrace"
  >;
  readonly sessions: SessionReads;
  readonly access: Pick<Access, "authorize">;
  readonly gate: ReadGate;
  readonly onError: (error: unknown) => void;
}

const pages = ["/", "/traces/*", "/sessions/*", "/session"];

/** Spans of a trace that its page lists. */
const SPANS_PER_PAGE = 500;

/** The read API, and pages that show what it says. Errors are JSON: `{ error: { code, message } }`. */
export function createRoutes({ repository, sessions, access, gate, onError }: RoutesOptions): Hono<Reader> {
  const app = createJsonApi<Reader>({ answerFor, onError });

  const authorize = createMiddleware<Reader>(async (context, next) => {
    // What a key was needed for must not wait in a cache for whoever asks without one.
    context.header("cache-control", "no-store");
    const decision = access.authorize((name) => context.req.header(name), "read");
    if (!decision.granted) {
      const { status, message, challenge } = decision;
      throw new RequestError(status, status === 401 ? "UNAUTHENTICATED" : "FORBIDDEN", message, {
        "www-authenticate": challenge,
      });
    }
    context.set("tenantId", decision.tenantId);
    return next();
  });
  for (const path of ["/api/*", ...pages]) app.use(path, authorize);
  for (const path of pages) app.use(path, asPage);

  const [single, page] = [gate.admit("single"), gate.admit("page")];

  app.get("/api/traces", page, async (context) => {
    const query = readListQuery(context.req.query());
    const list = await repository.listTraces({ ...query, ...reading(context) });
    return answerJson(context, context.var.tenantId, list);
  });

  app.get("/api/traces/:traceId", single, async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const trace = await repository.getTrace(context.var.tenantId, traceId);
    if (trace === null) throw unknownTrace(traceId);
    return answerJson(context, context.var.tenantId, trace);
  });

  app.get("/api/traces/:traceId/spans", page, async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const query = readSpansQuery(context.req.query());
    const { tenantId, signal } = reading(context);
    const { items: spans, nextCursor } = await repository.getSpanPage(tenantId, traceId, {
      ...query,
      signal,
    });
    // Behind the cursor there may be nothing left of a trace that expires.
    if (spans.length === 0 && query.cursor === undefined) throw unknownTrace(traceId);
    return answerJson(context, tenantId, { traceId, spans, nextCursor });
  });

  app.get("/api/traces/:traceId/explain", async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const options = readExplainQuery(context.req.query());
    const { tenantId, signal } = reading(context);
    const read = await repository.explainTrace(tenantId, traceId, { ...options, signal });
    switch (read.status) {
      case "explained":
        return answerJson(context, tenantId, read.explanation);
      case "absent":
        throw unknownTrace(traceId);
      case "too-large":
        throw new RequestError(
          422,
          "TRACE_TOO_LARGE",
          `Trace ${traceId} is too large to explain: ${read.spanCount} spans, ${read.bytes} bytes`,
        );
    }
  });

  app.route("/api/sessions", sessionRoutes(sessions, gate));

  app.get("/api/session", single, async (context) => {
    const { sessionId } = readSessionQuery(context.req.query());
    const { tenantId } = context.var;
    return answerJson(context, tenantId, await readSession(sessions, tenantId, sessionId));
  });

  app.get("/", page, async (context) => {
    const query = context.req.query();
    const list = await repository.listTraces({ ...readListQuery(query), ...reading(context) });
    return context.html(traceListPage(list, query));
  });

  app.get("/sessions", page, async (context) => {
    const query = context.req.query();
    const list = await sessions.listSessions({ ...readSessionListQuery(query), ...reading(context) });
    return context.html(sessionListPage(list, query));
  });

  app.get("/sessions/:sessionId", single, async (context) => {
    const sessionId = context.req.param("sessionId");
    return context.html(sessionPage(await readSession(sessions, context.var.tenantId, sessionId)));
  });

  app.get("/session", single, async (context) => {
    const { sessionId } = readSessionQuery(context.req.query());
    return context.html(sessionPage(await readSession(sessions, context.var.tenantId, sessionId)));
  });

  app.get("/traces/:traceId", async (context) => {
    const { tenantId, signal } = reading(context);
    const traceId = readTraceId(context.req.param("traceId"));
    const trace = await gate.run(context, "single", () => repository.getTrace(tenantId, traceId));
    if (trace === null) throw unknownTrace(traceId);
    // Explanations have a line of their own: waiting there must not take room from other reads.
    const [read, { items: spans }] = await Promise.all([
      repository.explainTrace(tenantId, traceId, { signal }),
      gate.run(context, "page", () =>
        repository.getSpanPage(tenantId, traceId, { limit: SPANS_PER_PAGE, signal }),
      ),
    ]);
    return context.html(tracePage({ trace, read, spans }));
  });

  return app;
}

/** Whose data a request reads, and what ends the reading: the client leaves. */
function reading(context: Context<Reader>): { readonly tenantId: TenantId; readonly signal: AbortSignal } {
  return { tenantId: context.var.tenantId, signal: context.req.raw.signal };
}

const asPage = createMiddleware(async (context, next) => {
  context.header("content-security-policy", contentSecurityPolicy);
  context.header("referrer-policy", "no-referrer");
  context.header("x-content-type-options", "nosniff");
  await next();
});

function unknownTrace(traceId: string): RequestError {
  return new RequestError(404, "TRACE_NOT_FOUND", `There is no trace ${traceId}`);
}

function answerFor(error: unknown): RequestError | undefined {
  if (!isEventSourcingError(error)) return undefined;
  if (error.code === "INVALID_CURSOR" || error.code === "INVALID_AGGREGATE_ID")
    return new RequestError(400, error.code, error.message);
  // Nobody reads this answer: the client has left.
  if (error.code === "ABORTED") return new RequestError(408, error.code, error.message);
  if (error.code === "AGGREGATE_TOO_LARGE") return new RequestError(422, "TRACE_TOO_LARGE", error.message);
  if (!error.retryable) return undefined;
  const message = "The trace store does not answer; try again later";
  return new RequestError(503, error.code, message, { "retry-after": "2" });
}
