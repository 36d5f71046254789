import type { Attributes, AttributeValue, OtlpSpan } from "@es/otlp";

import type { SpanKind } from "../traceProjection.js";
import { spanKindOf } from "./spanKind.js";

/** An OTLP/JSON `AnyValue`: int64 and bytes as strings, so that type and value survive exactly. `{}` is no value. */
export type SpanJsonValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number | "NaN" | "Infinity" | "-Infinity" }
  | { readonly bytesValue: string }
  | { readonly arrayValue: { readonly values: readonly SpanJsonValue[] } }
  | { readonly kvlistValue: { readonly values: readonly SpanJsonAttribute[] } }
  | { readonly [key: string]: never };

export interface SpanJsonAttribute {
  readonly key: string;
  readonly value: SpanJsonValue;
}

/** A span in the JSON of OTLP/HTTP: ids in hex, times and int64 as decimal strings, kind and status as numbers. */
export interface SpanJson {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly flags: number;
  readonly name: string;
  readonly kind: number;
  /** What the span does, in one vocabulary over all conventions. Not of OTLP. */
  readonly spanKind: SpanKind;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly SpanJsonAttribute[];
  readonly droppedAttributesCount: number;
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly SpanJsonAttribute[];
    readonly droppedAttributesCount: number;
  }[];
  readonly droppedEventsCount: number;
  readonly links: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly traceState: string;
    readonly attributes: readonly SpanJsonAttribute[];
    readonly droppedAttributesCount: number;
    readonly flags: number;
  }[];
  readonly droppedLinksCount: number;
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: {
    readonly attributes: readonly SpanJsonAttribute[];
    readonly droppedAttributesCount: number;
    readonly schemaUrl: string;
  };
  readonly scope: {
    readonly name: string;
    readonly version: string;
    readonly attributes: readonly SpanJsonAttribute[];
    readonly droppedAttributesCount: number;
    readonly schemaUrl: string;
  };
}

/** A span as a JSON value, with nothing lost: what OTLP/JSON says, with resource and scope beside it. */
export function spanToJson(span: OtlpSpan): SpanJson {
  const { resource, scope, status, events, links, attributes, startTimeUnixNano, endTimeUnixNano, ...rest } =
    span;
  return {
    ...rest,
    spanKind: spanKindOf(span).kind,
    startTimeUnixNano: String(startTimeUnixNano),
    endTimeUnixNano: String(endTimeUnixNano),
    attributes: attributesToJson(attributes),
    events: events.map((event) => ({
      timeUnixNano: String(event.timeUnixNano),
      name: event.name,
      attributes: attributesToJson(event.attributes),
      droppedAttributesCount: event.droppedAttributesCount,
    })),
    links: links.map((link) => ({ ...link, attributes: attributesToJson(link.attributes) })),
    status: { ...status },
    resource: { ...resource, attributes: attributesToJson(resource.attributes) },
    scope: { ...scope, attributes: attributesToJson(scope.attributes) },
  };
}

function attributesToJson(attributes: Attributes): readonly SpanJsonAttribute[] {
  return [...attributes].map(([key, value]) => ({ key, value: valueToJson(value) }));
}

function valueToJson(value: AttributeValue): SpanJsonValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "bigint") return { intValue: String(value) };
  if (typeof value === "number") return { doubleValue: doubleToJson(value) };
  if (value === null) return {};
  if (value instanceof Uint8Array) {
    return {
      bytesValue: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
    };
  }
  if (isMap(value)) return { kvlistValue: { values: attributesToJson(value) } };
  return { arrayValue: { values: value.map(valueToJson) } };
}

function doubleToJson(value: number): number | "NaN" | "Infinity" | "-Infinity" {
  return Number.isFinite(value) ? value : (String(value) as "NaN" | "Infinity" | "-Infinity");
}

function isMap(value: object): value is Attributes {
  return value instanceof Map;
}
