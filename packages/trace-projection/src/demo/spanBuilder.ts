import type { Attributes, AttributeValue, OtlpSpan, Resource, Scope, TimedEvent } from "@es/otlp";

/** An attribute as one writes it by hand: objects become kvlists, whole numbers int64, other numbers doubles. */
export type PlainValue =
  | string
  | boolean
  | number
  | bigint
  | null
  | Uint8Array
  | readonly PlainValue[]
  | { readonly [key: string]: PlainValue };

export interface SpanDraft {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  /** Unix nanoseconds. */
  readonly start: bigint;
  /** Unix nanoseconds. */
  readonly end: bigint;
  readonly attributes?: Readonly<Record<string, PlainValue>>;
  readonly events?: readonly {
    readonly name: string;
    readonly at: bigint;
    readonly attributes?: Readonly<Record<string, PlainValue>>;
  }[];
  readonly status?: OtlpSpan["status"];
  readonly resource?: Resource;
  readonly scope?: Scope;
}

const noScope: Scope = {
  name: "",
  version: "",
  attributes: new Map(),
  droppedAttributesCount: 0,
  schemaUrl: "",
};

/** A span as OTLP would decode it, with everything left out at its default. */
export function buildSpan(draft: SpanDraft): OtlpSpan {
  return {
    traceId: draft.traceId,
    spanId: draft.spanId,
    parentSpanId: draft.parentSpanId ?? "",
    traceState: "",
    flags: 1,
    name: draft.name,
    kind: draft.kind ?? 1,
    startTimeUnixNano: draft.start,
    endTimeUnixNano: draft.end,
    attributes: toAttributes(draft.attributes ?? {}),
    droppedAttributesCount: 0,
    events: (draft.events ?? []).map(
      (event): TimedEvent => ({
        timeUnixNano: event.at,
        name: event.name,
        attributes: toAttributes(event.attributes ?? {}),
        droppedAttributesCount: 0,
      }),
    ),
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: draft.status ?? { code: 0, message: "" },
    resource: draft.resource ?? buildResource("app"),
    scope: draft.scope ?? noScope,
  };
}

export function buildResource(serviceName: string): Resource {
  return {
    attributes: new Map<string, AttributeValue>([
      ["service.name", serviceName],
      ["telemetry.sdk.language", "nodejs"],
    ]),
    droppedAttributesCount: 0,
    schemaUrl: "",
  };
}

export function buildScope(name: string, version: string): Scope {
  return { ...noScope, name, version };
}

export function toAttributes(record: Readonly<Record<string, PlainValue>>): Attributes {
  return new Map(Object.entries(record).map(([key, value]) => [key, toAttribute(value)]));
}

function toAttribute(value: PlainValue): AttributeValue {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
  if (isList(value)) return value.map(toAttribute);
  return toAttributes(value);
}

function isList(value: object): value is readonly PlainValue[] {
  return Array.isArray(value);
}
