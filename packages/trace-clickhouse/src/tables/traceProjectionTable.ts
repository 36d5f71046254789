import type { ProjectionRecord, TenantId } from "@es/core";
import type { ProjectionTable, Row } from "@es/store-clickhouse";
import type { TraceProjection } from "@es/trace-projection";
import { listedText } from "../read/listedProjection.js";
import { traceGenerationMigrations } from "./traceClickHouseMigrations.js";
import { traceProjectionColumns, traceProjectionTableName } from "./traceProjectionTableDescription.js";
import { readTraceProjection } from "./traceProjectionText.js";

const LAST_INT64 = 2n ** 63n - 1n;
const LAST_UINT64 = 2n ** 64n - 1n;

function toTypedColumns(
  { projection: p }: ProjectionRecord<string, TraceProjection>,
  _: TenantId,
  text: string,
): Row {
  // Exact in the projection; the columns hold the nearest they can.
  const duration = BigInt(p.durationNano);
  const trace = p.timeToFirstTokenNano?.trace;
  const firstToken = trace === undefined || trace === null ? undefined : BigInt(trace);
  const listed = listedText(p, text);
  return {
    Name: p.name,
    RootKind: p.rootKind,
    Status: p.status,
    StartTimeUnixNano: p.startTimeUnixNano,
    DurationNano: String(
      duration > LAST_INT64 ? LAST_INT64 : duration < -LAST_INT64 ? -LAST_INT64 : duration,
    ),
    SpanCount: p.spanCount,
    ErrorCount: p.errorCount,
    Models: p.models,
    Providers: p.providers,
    Services: p.services,
    InputTokens: String(p.usage.inputTokens),
    OutputTokens: String(p.usage.outputTokens),
    TotalTokens: String(p.usage.totalTokens),
    CacheReadTokens: String(p.usage.cacheReadTokens),
    CacheWriteTokens: String(p.usage.cacheWriteTokens),
    ReasoningTokens: String(p.usage.reasoningTokens),
    Cost: p.cost?.amount ?? null,
    PriceTableVersion: p.priceTableVersion ?? "",
    TimeToFirstTokenNano:
      firstToken === undefined ? null : String(firstToken < LAST_UINT64 ? firstToken : LAST_UINT64),
    SessionId: p.sessionId ?? "",
    UserId: p.userId ?? "",
    Tags: p.tags,
    SpanKinds: p.spanKinds,
    Truncated: p.truncated,
    Listed: listed,
    ListedLength: String(listed.length),
  };
}

/** Trace projections in the table `trace_projections`, those of generation _n_ above 1 in `trace_projections_v{n}`. */
export function traceProjectionTable(generation = 1): ProjectionTable<TraceProjection> {
  return {
    name: traceProjectionTableName(generation),
    columns: {
      tenantId: "TenantId",
      aggregateId: "TraceId",
      version: "Version",
      projection: "Projection",
      metadata: "Metadata",
    },
    typedColumns: traceProjectionColumns,
    toTypedColumns,
    decode: readTraceProjection,
    aggregatesAreTraces: true,
    migrations: traceGenerationMigrations(generation),
  };
}
