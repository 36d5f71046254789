export type {
  Attributes,
  AttributeValue,
  OtlpSpan,
  Resource,
  Scope,
  TimedEvent,
  SpanKind,
  SpanLink,
  SpanStatus,
  SpanStatusCode,
} from "./span.js";
