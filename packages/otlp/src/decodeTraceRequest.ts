import { decodeJson } from "./decodeJson.js";
import { decodeProtobuf } from "./decodeProtobuf.js";
import { DecodeReport, type RejectedSpan, type SpanWarning } from "./decodeReport.js";
import { runSteps, type Steps } from "./decodeTurns.js";
import type { OtlpSpan } from "./span.js";

/** How a request and its reply are written: `application/x-protobuf` or `application/json`. */
export type OtlpEncoding = "protobuf" | "json";

export interface DecodeTraceRequestOptions {
  /**
   * The most spans, events, links, attributes and array elements in one request. An empty one takes two bytes on the
   * wire and many times that in memory, so a bound on bytes alone does not bound memory. Default 4 000 000.
   */
  readonly maxItems?: number;
  /** How many rejected spans, and how many warnings, are described; all are counted. Default 100. */
  readonly maxDescribed?: number;
}

export interface DecodedTraceRequest {
  /** The good spans, in the order sent. Spans of one ResourceSpans share their resource object, likewise scopes. */
  readonly spans: readonly OtlpSpan[];
  readonly rejectedCount: number;
  /** The first `maxDescribed` rejected spans. */
  readonly rejected: readonly RejectedSpan[];
  /** How many links were dropped from spans that were kept. */
  readonly warningCount: number;
  /** The first `maxDescribed` of them. */
  readonly warnings: readonly SpanWarning[];
}

/**
 * Reads an ExportTraceServiceRequest; both encodings give equal spans for the same message.
 *
 * A span with wrong ids (or, in JSON, with a field of the wrong type) is rejected by itself. A link with ids of the wrong
 * length is dropped, counted in `droppedLinksCount` and reported as a warning. Unknown fields are ignored. Invalid UTF-8
 * and unpaired surrogates become U+FFFD.
 *
 * @throws OtlpDecodeError when the bytes as a whole cannot be read
 */
export function decodeTraceRequest(
  bytes: Uint8Array,
  encoding: OtlpEncoding,
  options: DecodeTraceRequestOptions = {},
): DecodedTraceRequest {
  return runSteps(decodeInSteps(bytes, encoding, options));
}

/** {@link decodeTraceRequest}, a few hundred spans at a time. */
export function* decodeInSteps(
  bytes: Uint8Array,
  encoding: OtlpEncoding,
  options: DecodeTraceRequestOptions = {},
): Steps<DecodedTraceRequest> {
  const report = new DecodeReport(options.maxDescribed ?? 100);
  const decode = encoding === "json" ? decodeJson : decodeProtobuf;
  const spans = yield* decode(bytes, options.maxItems ?? 4_000_000, report);
  return {
    spans,
    rejectedCount: report.rejectedCount,
    rejected: report.rejected,
    warningCount: report.warningCount,
    warnings: report.warnings,
  };
}
