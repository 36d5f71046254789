import { type TenantId, telemetryNames } from "@es/core";
import {
  type Attributes,
  isSpanContextValid,
  type Link,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";

/** The names of this package's spans: `{store}.{call}` for a call, `{store}.roundTrip` for what serves many of them. */
export const storeSpanNames = {
  roundTrip: "roundTrip",
} as const;

export const storeTracer: Tracer = trace.getTracer("@es/store-clickhouse");

const { attributes } = telemetryNames;

export function aggregateAttributes(
  tenantId: TenantId,
  aggregateId: string,
  aggregatesAreTraces: boolean | undefined,
): Attributes {
  return {
    [attributes.tenantId]: tenantId,
    [attributes.aggregateId]: aggregateId,
    ...(aggregatesAreTraces === true ? { [attributes.traceId]: aggregateId } : {}),
  };
}

/** Nothing when no tracer is registered, so that nothing is linked either. */
export function linkTo(span: Span): Link | undefined {
  const context = span.spanContext();
  return isSpanContextValid(context) ? { context } : undefined;
}

export function roundTripOptions(table: string, operation: string, links: readonly (Link | undefined)[]) {
  return {
    kind: SpanKind.CLIENT,
    // It serves many traces, so it belongs to none.
    root: true,
    links: [...new Set(links.filter((link) => link !== undefined))],
    attributes: {
      "db.system.name": "clickhouse",
      "db.collection.name": table,
      "db.operation.name": operation,
      "db.operation.batch.size": links.length,
    },
  };
}
