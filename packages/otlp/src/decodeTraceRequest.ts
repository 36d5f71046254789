import { OtlpDecodeError } from "./decodeError.js";
import { decodeJson } from "./decodeJson.js";
import { decodeProtobuf } from "./decodeProtobuf.js";
import { DecodeReport, type RejectedSpan, type SpanWarning } from "./decodeReport.js";
import { runSteps, type Steps } from "./decodeTurns.js";
import { defaultMaxRepeatedBytes } from "./rowRepeats.js";
import type { OtlpSpan } from "./span.js";
import type { SpanEncoder } from "./spanEncoder.js";

/** How a request and its reply are written: `application/x-protobuf` or `application/json`. */
export type OtlpEncoding = "protobuf" | "json";

export interface DecodeTraceRequestOptions {
  /**
   * The most spans, events, links, attributes and array elements in one request. An empty one takes two bytes on the
   * wire and many times that in memory, so a bound on bytes alone does not bound memory. Default 4 000 000.
   */
  readonly maxItems?: number;
  /**
   * The most bytes of resources and scopes that the rows of a request repeat: both are stored with each of their spans, and with
   * the first of a ScopeSpans they are not repeated. Default four times the bytes of the request and 64 MiB.
   */
  readonly maxRepeatedBytes?: number;
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
 * @param encoder takes the good spans it wants; `spans` has the others
 * @throws OtlpDecodeError when the bytes as a whole cannot be read
 */
export function decodeTraceRequest(
  bytes: Uint8Array,
  encoding: OtlpEncoding,
  options: DecodeTraceRequestOptions = {},
  encoder?: SpanEncoder<unknown>,
): DecodedTraceRequest {
  return runSteps(decodeInSteps(bytes, encoding, options, encoder));
}

/**
 * {@link decodeTraceRequest}, a few hundred spans at a time.
 *
 * @param takeRepeated called before rows repeat more bytes than the request has; throws if they may not
 */
export function* decodeInSteps(
  bytes: Uint8Array,
  encoding: OtlpEncoding,
  options: DecodeTraceRequestOptions = {},
  encoder?: SpanEncoder<unknown>,
  takeRepeated?: (bytes: number) => void,
): Steps<DecodedTraceRequest> {
  const maxItems = options.maxItems ?? 4_000_000;
  const maxDescribed = options.maxDescribed ?? 100;
  const report = new DecodeReport(maxDescribed);
  const decode = encoding === "json" ? decodeJson : decodeProtobuf;
  const limit = options.maxRepeatedBytes ?? defaultMaxRepeatedBytes(bytes.length);
  const repeats = { limit, free: bytes.length, take: takeRepeated };
  let spans: OtlpSpan[];
  try {
    spans = yield* decode(bytes, { maxItems, repeats }, report, encoder);
  } catch (error) {
    if (encoder === undefined || !(error instanceof OtlpDecodeError)) throw error;
    // Objects of all spans could take as much.
    if (error.code === "too_many_repeats") throw error;
    // In the order of the bytes another fault may be the first: one request is refused for one reason.
    yield* decode(bytes, { maxItems, repeats: { limit, free: limit } }, new DecodeReport(maxDescribed));
    throw error;
  }
  return {
    spans,
    rejectedCount: report.rejectedCount,
    rejected: report.rejected,
    warningCount: report.warningCount,
    warnings: report.warnings,
  };
}
