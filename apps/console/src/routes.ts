import { isEventSourcingError, type TenantId } from "@es/core";
import type { Access } from "@es/service";
import type { TraceReadRepositoryClickHouse } from "@es/trace-projection/clickhouse";
import { type Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { BadQueryError, readListQuery, readTraceId } from "./query.js";

export interface RoutesOptions {
  readonly repository: Pick<TraceReadRepositoryClickHouse, "listTraces" | "getTrace" | "getSpans">;
  readonly access: Pick<Access, "authorize">;
  readonly onError: (error: unknown) => void;
}

/** Whose data a request may read. */
interface Reader {
  readonly Variables: { readonly tenantId: TenantId };
}

/** The read API. Errors are JSON too: `{ error: { code, message } }`. */
export function createRoutes({ repository, access, onError }: RoutesOptions): Hono<Reader> {
  const app = new Hono<Reader>();

  app.use("/api/*", async (context, next) => {
    // What a key was needed for must not wait in a cache for whoever asks without one.
    context.header("cache-control", "no-store");
    const decision = access.authorize((name) => context.req.header(name), "read");
    if (!decision.granted) {
      const { status, message, challenge } = decision;
      context.header("www-authenticate", challenge);
      return problem(context, status, status === 401 ? "UNAUTHENTICATED" : "FORBIDDEN", message);
    }
    context.set("tenantId", decision.tenantId);
    return next();
  });

  app.get("/api/traces", async (context) => {
    const { tenantId } = context.var;
    return context.json(await repository.listTraces({ ...readListQuery(context.req.query()), tenantId }));
  });

  app.get("/api/traces/:traceId", async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const trace = await repository.getTrace(context.var.tenantId, traceId);
    return trace === null ? unknownTrace(context, traceId) : context.json(trace);
  });

  app.get("/api/traces/:traceId/spans", async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const spans = await repository.getSpans(context.var.tenantId, traceId);
    return spans.length === 0 ? unknownTrace(context, traceId) : context.json({ traceId, spans });
  });

  app.notFound((context) => {
    return problem(
      context,
      404,
      "NOT_FOUND",
      `There is nothing at ${context.req.method} ${context.req.path}`,
    );
  });

  app.onError((error, context) => {
    if (error instanceof BadQueryError) return problem(context, 400, "BAD_QUERY", error.message);
    if (isEventSourcingError(error, "INVALID_CURSOR"))
      return problem(context, 400, error.code, error.message);
    onError(error);
    if (isEventSourcingError(error) && error.retryable) {
      context.header("retry-after", "2");
      return problem(context, 503, error.code, "The trace store does not answer; try again later");
    }
    return problem(context, 500, "INTERNAL", "The request failed; the log says why");
  });

  return app;
}

function unknownTrace(context: Context, traceId: string) {
  return problem(context, 404, "TRACE_NOT_FOUND", `There is no trace ${traceId}`);
}

function problem(context: Context, status: ContentfulStatusCode, code: string, message: string) {
  return context.json({ error: { code, message } }, status);
}
