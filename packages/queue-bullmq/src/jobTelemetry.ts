import {
  type Context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  trace,
} from "@opentelemetry/api";
import type { ContextManager, Span, SpanOptions, Telemetry, Tracer } from "bullmq";
import { BullMQOTelSpan, BullMQOtel } from "bullmq-otel";

/** `bullmq-otel` as both sides use it unless told otherwise. */
export function defaultTelemetry(): Telemetry<Context> {
  return new BullMQOtel({
    tracerName: "@es/queue-bullmq",
    meterName: "@es/queue-bullmq",
    enableMetrics: true,
  });
}

interface Origin {
  readonly metadata: string;
  readonly spanContext: SpanContext | undefined;
}

const originKey = createContextKey("@es/queue-bullmq job origin");

/**
 * Changes what a worker does with `bullmq-otel`, which hangs each run below the span that scheduled it:
 *
 * - a run is the root of a trace of its own, *linked* to what scheduled it, on every attempt;
 * - BullMQ's own housekeeping (fetching, lock renewal, stalled checks) is traced only inside a run. By itself it would
 *   start a trace every few seconds for as long as the worker idles.
 */
export function runTelemetry(inner: Telemetry<Context>): Telemetry<Context> {
  const tracer: Tracer<Context> = {
    startSpan(name: string, options?: SpanOptions, parent?: Context): Span<Context> {
      const scope = parent ?? inner.contextManager.active();
      if (options?.kind === SpanKind.CONSUMER) {
        const origin = originOf(scope)?.spanContext;
        const linked = { ...options, root: true, links: origin === undefined ? [] : [{ context: origin }] };
        return inner.tracer.startSpan(name, linked, ROOT_CONTEXT);
      }
      if (trace.getSpan(scope) === undefined) return new BullMQOTelSpan(silentSpan());
      return inner.tracer.startSpan(name, options, parent);
    },
  };
  const contextManager: ContextManager<Context> & { root(): Context } = {
    with: (scope, work) => inner.contextManager.with(scope, work),
    active: () => inner.contextManager.active(),
    root: () => ROOT_CONTEXT,
    fromMetadata(_active, metadata) {
      const extracted: Context = inner.contextManager.fromMetadata(ROOT_CONTEXT, metadata);
      const origin: Origin = { metadata, spanContext: trace.getSpanContext(extracted) };
      return trace.deleteSpan(extracted).setValue(originKey, origin);
    },
    // A failed attempt writes its context into the job. The next attempt belongs to what scheduled it all the same.
    getMetadata: (scope) => originOf(scope)?.metadata ?? inner.contextManager.getMetadata(scope),
  };
  return { tracer, contextManager, ...(inner.meter === undefined ? {} : { meter: inner.meter }) };
}

function originOf(scope: Context): Origin | undefined {
  return scope.getValue(originKey) as Origin | undefined;
}

function silentSpan(): OtelSpan {
  return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
}
