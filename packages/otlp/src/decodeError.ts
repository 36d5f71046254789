/** What was wrong with bytes that are not an OTLP trace request. */
export type OtlpDecodeErrorCode =
  /** A field or message ends beyond its container, or the bytes stop in its middle. */
  | "truncated"
  /** A field number of 0, or a tag longer than 32 bits. */
  | "invalid_tag"
  /** A varint of more than ten bytes, or a length above 2^31 - 1. */
  | "invalid_varint"
  /** Wire types 6 and 7 do not exist. */
  | "invalid_wire_type"
  /** A group that is not closed, or closed without having been opened. */
  | "invalid_group"
  /** Values nested deeper than 100 levels outside of a span (inside one, only that span is rejected). */
  | "too_deep"
  /** More spans, events, links, attributes and array elements than `maxItems`. */
  | "too_many_items"
  /** Rows would repeat more bytes of resources and scopes than `maxRepeatedBytes`. */
  | "too_many_repeats"
  /** Text that is not JSON. */
  | "invalid_json"
  /** JSON whose shape is not that of a trace request. */
  | "invalid_value";

/** The bytes as a whole cannot be read as an OTLP trace request. Sending them again cannot help. */
export class OtlpDecodeError extends Error {
  readonly code: OtlpDecodeErrorCode;
  readonly retryable = false;
  /** Where in the bytes reading stopped; undefined for JSON, whose errors name a position or path in the message. */
  readonly byteOffset: number | undefined;

  constructor(code: OtlpDecodeErrorCode, message: string, byteOffset?: number, options?: ErrorOptions) {
    super(message, options);
    this.name = "OtlpDecodeError";
    this.code = code;
    this.byteOffset = byteOffset;
  }
}
