export { OtlpDecodeError, type OtlpDecodeErrorCode } from "./decodeError.js";
export type { RejectedSpan, SpanWarning } from "./decodeReport.js";
export {
  type DecodedTraceRequest,
  type DecodeTraceRequestOptions,
  decodeTraceRequest,
  type OtlpEncoding,
} from "./decodeTraceRequest.js";
export { encodeStatus, encodeTraceResponse, rpcCode, type TracePartialSuccess } from "./encodeReply.js";
export { encodeTraceRequest } from "./encodeTraceRequest.js";
export {
  isOtlpRefusedError,
  isOtlpUnavailableError,
  OtlpRefusedError,
  type OtlpRefusedOptions,
  type OtlpRefusedStatus,
  type OtlpRetryableStatus,
  OtlpUnavailableError,
  type OtlpUnavailableOptions,
} from "./handlerErrors.js";
export type {
  Attributes,
  AttributeValue,
  OtlpSpan,
  Resource,
  Scope,
  SpanKind,
  SpanLink,
  SpanStatus,
  SpanStatusCode,
  TimedEvent,
} from "./span.js";
export type { SpanEncoder } from "./spanEncoder.js";
export {
  createOtlpTraceHandler,
  type OtlpAuthenticate,
  type OtlpExportResult,
  type OtlpRefusedSpan,
  type OtlpTraceBatch,
  type OtlpTraceHandler,
  type OtlpTraceHandlerBaseOptions,
  type OtlpTraceHandlerOptions,
} from "./traceHandler.js";
