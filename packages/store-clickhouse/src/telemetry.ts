import { isEventSourcingError, type TenantId } from "@es/core";
import { telemetryNames } from "@es/core/adapter";
import {
  type Attributes,
  isSpanContextValid,
  type Link,
  metrics,
  type Span,
  SpanKind,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { ThrottleState } from "./throttle.js";

/** The names of this package's spans: `{store}.{call}` for a call, `{store}.roundTrip` for what serves many of them. */
export const storeSpanNames = {
  roundTrip: "roundTrip",
} as const;

/** The names of this package's metrics. */
export const storeMetricNames = {
  overloads: "es.clickhouse.overloads",
  concurrency: "es.clickhouse.concurrency",
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

/** Counts slow-downs, by what ClickHouse said, and tells how many round trips are let through at once. */
export function throttleTelemetry(table: string, operation: string): (state: ThrottleState) => void {
  const meter = metrics.getMeter("@es/store-clickhouse");
  const overloads = meter.createCounter(storeMetricNames.overloads, {
    unit: "{slowdown}",
    description: "Times a store slowed down because ClickHouse was overloaded",
  });
  const concurrency = meter.createGauge(storeMetricNames.concurrency, {
    unit: "{round_trip}",
    description: "Round trips let through at once, told when it changes",
  });
  const about = { "db.collection.name": table, "db.operation.name": operation };
  return (state) => {
    concurrency.record(state.concurrency, about);
    if (state.error === undefined) return;
    const reason = isEventSourcingError(state.error) ? state.error.fields.clickhouseType : undefined;
    overloads.add(1, { ...about, "error.type": String(reason ?? "other") });
  };
}
