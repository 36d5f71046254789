import type { AggregateRef } from "@es/core";
import { assertAggregateId, EventSourcingError, parseTenantId } from "@es/core";
import { telemetryNames } from "@es/core/adapter";
import { type Counter, metrics, trace } from "@opentelemetry/api";

/** What every queue checks before it schedules. @throws EventSourcingError `QUEUE_REJECTED` */
export function assertSchedulable(refs: readonly AggregateRef[], delayMs: number): void {
  if (!Number.isFinite(delayMs) || delayMs < 0) {
    throw new EventSourcingError("QUEUE_REJECTED", `delayMs must be a number of at least 0, got ${delayMs}.`);
  }
  for (const ref of refs) {
    try {
      parseTenantId(ref.tenantId);
      assertAggregateId(ref.aggregateId);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EventSourcingError("QUEUE_REJECTED", `A ref cannot be scheduled: ${reason}`, { cause });
    }
  }
}

/** Keeps a span that schedules thousands of refs from carrying an event for each. */
const MAX_EVENTS = 32;

/**
 * Tells of scheduled refs: the event `projection.job.enqueued` on the active span for each of the first 32, one more with
 * the number of the rest, and the metric `es.projection.scheduled`.
 */
export class SchedulingTelemetry {
  readonly #scheduled: Counter;

  /** @param meterName the queue's package */
  constructor(meterName: string) {
    this.#scheduled = metrics.getMeter(meterName).createCounter(telemetryNames.metrics.scheduled, {
      unit: "{ref}",
      description: "Refs scheduled, collapsed ones included",
    });
  }

  report(refs: readonly AggregateRef[]): void {
    this.#scheduled.add(refs.length);
    const span = trace.getActiveSpan();
    if (span?.isRecording() !== true) return;
    const { attributes, events } = telemetryNames;
    for (const { tenantId, aggregateId } of refs.slice(0, MAX_EVENTS)) {
      span.addEvent(events.jobEnqueued, {
        [attributes.tenantId]: tenantId,
        [attributes.aggregateId]: aggregateId,
      });
    }
    if (refs.length > MAX_EVENTS) {
      span.addEvent(events.jobEnqueued, { [attributes.aggregateCount]: refs.length - MAX_EVENTS });
    }
  }
}
