import { isEventSourcingError, type TenantId } from "@es/core";
import { type Access, createJsonApi, RequestError } from "@es/service";
import type { TraceReadRepositoryClickHouse } from "@es/trace-projection/clickhouse";
import type { Hono } from "hono";
import { readExplainQuery, readListQuery, readTraceId } from "./query.js";

export interface RoutesOptions {
  readonly repository: Pick<
    TraceReadRepositoryClickHouse,
    "listTraces" | "getTrace" | "getSpans" | "explainTrace"
  >;
  readonly access: Pick<Access, "authorize">;
  readonly onError: (error: unknown) => void;
}

/** Whose data a request may read. */
interface Reader {
  readonly Variables: { readonly tenantId: TenantId };
}

/** The read API. Errors are JSON too: `{ error: { code, message } }`. */
export function createRoutes({ repository, access, onError }: RoutesOptions): Hono<Reader> {
  const app = createJsonApi<Reader>({ answerFor, onError });

  app.use("/api/*", async (context, next) => {
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

  app.get("/api/traces", async (context) => {
    const { tenantId } = context.var;
    return context.json(await repository.listTraces({ ...readListQuery(context.req.query()), tenantId }));
  });

  app.get("/api/traces/:traceId", async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const trace = await repository.getTrace(context.var.tenantId, traceId);
    if (trace === null) throw unknownTrace(traceId);
    return context.json(trace);
  });

  app.get("/api/traces/:traceId/spans", async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const spans = await repository.getSpans(context.var.tenantId, traceId);
    if (spans.length === 0) throw unknownTrace(traceId);
    return context.json({ traceId, spans });
  });

  app.get("/api/traces/:traceId/explain", async (context) => {
    const traceId = readTraceId(context.req.param("traceId"));
    const options = readExplainQuery(context.req.query());
    const read = await repository.explainTrace(context.var.tenantId, traceId, options);
    switch (read.status) {
      case "explained":
        return context.json(read.explanation);
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

  return app;
}

function unknownTrace(traceId: string): RequestError {
  return new RequestError(404, "TRACE_NOT_FOUND", `There is no trace ${traceId}`);
}

function answerFor(error: unknown): RequestError | undefined {
  if (!isEventSourcingError(error)) return undefined;
  if (error.code === "INVALID_CURSOR") return new RequestError(400, error.code, error.message);
  if (!error.retryable) return undefined;
  const message = "The trace store does not answer; try again later";
  return new RequestError(503, error.code, message, { "retry-after": "2" });
}
