/**
 * An OTLP `AnyValue` as its natural JavaScript value, exactly: `bigint` is int64, `number` is double, `Uint8Array` is
 * bytes, a `Map` is a kvlist, `null` is an AnyValue with no value set.
 */
export type AttributeValue =
  | string
  | boolean
  | bigint
  | number
  | Uint8Array
  | null
  | readonly AttributeValue[]
  | ReadonlyMap<string, AttributeValue>;

/** Attributes in the order sent. A repeated key keeps its first position and its last value. */
export type Attributes = ReadonlyMap<string, AttributeValue>;

/** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer; unknown numbers are kept. */
export type SpanKind = number;

/** 0 unset, 1 ok, 2 error. */
export type SpanStatusCode = 0 | 1 | 2;

export interface SpanStatus {
  readonly code: SpanStatusCode;
  readonly message: string;
}

export interface TimedEvent {
  readonly timeUnixNano: bigint;
  readonly name: string;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
}

export interface SpanLink {
  /** 32 lowercase hex digits. */
  readonly traceId: string;
  /** 16 lowercase hex digits. */
  readonly spanId: string;
  readonly traceState: string;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  readonly flags: number;
}

/** What produced the span; one object shared by all spans of a ResourceSpans. */
export interface Resource {
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  readonly schemaUrl: string;
}

/** The instrumentation scope; one object shared by all spans of a ScopeSpans. */
export interface Scope {
  readonly name: string;
  readonly version: string;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  readonly schemaUrl: string;
}

/** One span as OTLP carries it, with nothing lost and nothing interpreted. Times are unsigned 64-bit Unix nanoseconds. */
export interface OtlpSpan {
  /** 32 lowercase hex digits, not all zero. */
  readonly traceId: string;
  /** 16 lowercase hex digits, not all zero. */
  readonly spanId: string;
  /** 16 lowercase hex digits, or "" for a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startTimeUnixNano: bigint;
  readonly endTimeUnixNano: bigint;
  readonly attributes: Attributes;
  readonly droppedAttributesCount: number;
  readonly events: readonly TimedEvent[];
  readonly droppedEventsCount: number;
  readonly links: readonly SpanLink[];
  readonly droppedLinksCount: number;
  readonly status: SpanStatus;
  readonly resource: Resource;
  readonly scope: Scope;
}
