import type { OtlpEncoding } from "./decodeTraceRequest.js";
import { ProtobufWriter } from "./protobufWriter.js";

/** What a server says about a request it took: in part (`rejectedSpans` > 0), or wholly but with a warning (0). */
export interface TracePartialSuccess {
  readonly rejectedSpans: number;
  readonly errorMessage: string;
}

/** The numbers of google.rpc.Code that OTLP servers use. */
export const rpcCode = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export const contentTypes: Readonly<Record<OtlpEncoding, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};

/** An ExportTraceServiceResponse. Without a partial success it is empty: no bytes in protobuf, `{}` in JSON. */
export function encodeTraceResponse(
  partialSuccess: TracePartialSuccess | undefined,
  encoding: OtlpEncoding,
): Uint8Array {
  if (encoding === "json") {
    const rejectedSpans = partialSuccess?.rejectedSpans ?? 0;
    return Buffer.from(
      JSON.stringify({
        partialSuccess: partialSuccess && {
          // A 64-bit integer, so a string in protobuf's JSON.
          rejectedSpans: rejectedSpans === 0 ? undefined : String(rejectedSpans),
          errorMessage: partialSuccess.errorMessage,
        },
      }),
    );
  }
  const writer = new ProtobufWriter();
  if (partialSuccess !== undefined) {
    const { rejectedSpans, errorMessage } = partialSuccess;
    if (errorMessage !== "") writer.string(2, errorMessage);
    if (rejectedSpans !== 0) writer.int64(1, BigInt(rejectedSpans));
    writer.message(1, 0);
  }
  return writer.finish();
}

/** A google.rpc.Status, the body of every OTLP/HTTP error. `code` is a number of google.rpc.Code, see `rpcCode`. */
export function encodeStatus(code: number, message: string, encoding: OtlpEncoding): Uint8Array {
  if (encoding === "json") return Buffer.from(JSON.stringify({ code, message }));
  const writer = new ProtobufWriter();
  if (message !== "") writer.string(2, message);
  if (code !== 0) writer.int64(1, BigInt(code));
  return writer.finish();
}
