import { type Span, type SpanOptions, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { isEventSourcingError } from "../errors/eventSourcingError.js";
import { telemetryNames } from "./telemetryNames.js";

/** Runs `work` in an active span that ends with it. A throw is recorded, marks the span as failed, and goes on. */
export function withSpan<T>(
  tracer: Tracer,
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      const exception = error instanceof Error ? error : new Error(String(error));
      span.recordException(exception);
      span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
      if (isEventSourcingError(error)) span.setAttribute(telemetryNames.attributes.errorCode, error.code);
      throw error;
    } finally {
      span.end();
    }
  });
}
