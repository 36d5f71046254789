export { abridgedText, MAX_JSON_DEPTH } from "./attributes/abridged.js";
export { attributeToJson, attributeToText } from "./attributes/attributeText.js";
export { buildTraceProjection } from "./buildTraceProjection.js";
export { type ContentLimits, defaultContentLimits } from "./content/contentLimits.js";
export type { OwnModelPrices, OwnPrice, PriceDecimal } from "./cost/ownPrices.js";
export { PRICE_TABLE_VERSION } from "./cost/priceTable.js";
export { type ExplainOptions, explain, explainInSteps } from "./explain/explain.js";
export type {
  ExplainedCandidate,
  ExplainedSum,
  FieldExplanation,
  LosingCandidate,
  LosingReason,
  SumPart,
  TraceExplanation,
} from "./explain/traceExplanation.js";
export { spanCodec } from "./spanCodec.js";
export { createSpanEvent, type SpanEvent } from "./spanEvent.js";
export { type SpanJson, type SpanJsonAttribute, type SpanJsonValue, spanToJson } from "./spans/spanJson.js";
export { type SpanKindFound, spanKindOf } from "./spans/spanKind.js";
export {
  type ContentCut,
  type CostReason,
  type Json,
  type Provenance,
  type RootKind,
  type SpanKind,
  spanKinds,
  type TraceContent,
  type TraceCost,
  type TraceError,
  type TraceFlags,
  type TraceProjection,
  type TraceProjectionJson,
  type TraceStatus,
  type TraceUsage,
  traceProjectionToJson,
} from "./traceProjection.js";
export {
  createTraceProjectionHandlers,
  TRACE_PROJECTION_VERSION,
  TraceProjectionEventHandler,
  type TraceProjectionOptions,
  traceProjectionHandlers,
} from "./traceProjectionEventHandler.js";
