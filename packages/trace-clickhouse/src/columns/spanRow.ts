import type { TenantId } from "@es/core";
import type { OtlpSpan, Resource, Scope, SpanLink, SpanStatusCode, TimedEvent } from "@es/otlp";
import type { Row } from "@es/store-clickhouse";
import { attributeToText, createSpanEvent, type SpanEvent } from "@es/trace-projection";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { type ExactEvent, type ExactLink, readExactSpan, type SpanDetails } from "./exactSpan.js";
import { type ExactAttributes, splitAttributes, toExactValue, typeAttributes } from "./exactValue.js";

/** As the Collector's exporter spells them. */
export const spanKinds = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"] as const;
export const statusCodes = ["Unset", "Ok", "Error"] as const;

/** The last nanosecond a `DateTime64(9)` can hold, in 2262. */
export const LAST_DATE_TIME = 2n ** 63n - 1n;

/** The columns of a span, those of the exporter first. */
export const spanInsertColumns = [
  "Timestamp",
  "TraceId",
  "SpanId",
  "ParentSpanId",
  "TraceState",
  "SpanName",
  "SpanKind",
  "ServiceName",
  "ResourceAttributes",
  "ScopeName",
  "ScopeVersion",
  "SpanAttributes",
  "Duration",
  "StatusCode",
  "StatusMessage",
  "Events.Timestamp",
  "Events.Name",
  "Events.Attributes",
  "Links.TraceId",
  "Links.SpanId",
  "Links.TraceState",
  "Links.Attributes",
  "TenantId",
  "AcceptedAt",
  "StartTimeUnixNano",
  "EndTimeUnixNano",
  "Exact",
] as const;

/** What {@link spanEventFromRow} reads. */
export const spanSelectColumns = [
  "ParentSpanId",
  "TraceState",
  "SpanName",
  "SpanKind",
  "ResourceAttributes",
  "ScopeName",
  "ScopeVersion",
  "SpanAttributes",
  "StatusCode",
  "StatusMessage",
  {
    name: "EventTimes",
    expression: "arrayMap(time -> toString(toUnixTimestamp64Nano(time)), `Events.Timestamp`)",
  },
  "Events.Name",
  "Events.Attributes",
  "Links.TraceId",
  "Links.SpanId",
  "Links.TraceState",
  "Links.Attributes",
  "StartTimeUnixNano",
  "EndTimeUnixNano",
  "Exact",
] as const;

/** A span as the columns of {@link spanInsertColumns} take it. */
export type SpanRowWritten = {
  readonly Timestamp: string;
  readonly TraceId: string;
  readonly SpanId: string;
  readonly ParentSpanId: string;
  readonly TraceState: string;
  readonly SpanName: string;
  readonly SpanKind: string;
  readonly ServiceName: string;
  readonly ResourceAttributes: Readonly<Record<string, string>>;
  readonly ScopeName: string;
  readonly ScopeVersion: string;
  readonly SpanAttributes: Readonly<Record<string, string>>;
  readonly Duration: string;
  readonly StatusCode: string;
  readonly StatusMessage: string;
  readonly "Events.Timestamp": readonly string[];
  readonly "Events.Name": readonly string[];
  readonly "Events.Attributes": readonly Readonly<Record<string, string>>[];
  readonly "Links.TraceId": readonly string[];
  readonly "Links.SpanId": readonly string[];
  readonly "Links.TraceState": readonly string[];
  readonly "Links.Attributes": readonly Readonly<Record<string, string>>[];
  readonly TenantId: string;
  readonly AcceptedAt: string;
  readonly StartTimeUnixNano: string;
  readonly EndTimeUnixNano: string;
  readonly Exact: string;
};

export function spanEventToRow(event: SpanEvent, tenantId: TenantId): SpanRowWritten {
  const { resource, scope } = event.data;
  const { row, exactBefore, exactBehind } = spanToRow(event.data);
  assertWellFormed([scope.name, scope.version], [resource.attributes, scope.attributes]);
  const resourceAttributes = splitAttributes(resource.attributes);
  const service = resource.attributes.get(ATTR_SERVICE_NAME);
  row.ServiceName = service === undefined || service === null ? "" : attributeToText(service);
  row.ResourceAttributes = resourceAttributes.texts;
  row.ScopeName = scope.name;
  row.ScopeVersion = scope.version;
  row.TenantId = tenantId;
  row.AcceptedAt = String(event.acceptedAt);
  const exactOfGroup = membersOf(exactGroup(resource, resourceAttributes.exact, scope));
  const exact = [exactBefore, exactOfGroup, exactBehind].filter((members) => members !== "");
  row.Exact = exact.length === 0 ? "" : `{${exact.join()}}`;
  return row;
}

/** A row without what it has of its resource, its scope and where it is stored. */
export interface OwnRow {
  readonly row: { -readonly [Column in keyof SpanRowWritten]: SpanRowWritten[Column] };
  /** Members of `Exact` before those of the resource and the scope. */
  readonly exactBefore: string;
  /** And behind them. */
  readonly exactBehind: string;
}

const NO_TEXTS: Readonly<Record<string, string>> = Object.freeze({});

/** What a span's row has of the span alone. @throws TypeError for text that UTF-8 cannot store */
export function spanToRow(span: OtlpSpan): OwnRow {
  const { startTimeUnixNano: start, endTimeUnixNano: end } = span;
  assertOwnWellFormed(span);
  const attributes = splitAttributes(span.attributes);
  const events = span.events.map((item) => splitAttributes(item.attributes));
  const links = span.links.map((item) => splitAttributes(item.attributes));
  const row: OwnRow["row"] = {
    Timestamp: toDateTime(start),
    TraceId: span.traceId,
    SpanId: span.spanId,
    ParentSpanId: span.parentSpanId,
    TraceState: span.traceState,
    SpanName: span.name,
    SpanKind: spanKinds[span.kind] ?? "Unspecified",
    ServiceName: "",
    ResourceAttributes: NO_TEXTS,
    ScopeName: "",
    ScopeVersion: "",
    SpanAttributes: attributes.texts,
    Duration: String(start !== 0n && end > start ? end - start : 0n),
    StatusCode: statusCodes[span.status.code],
    StatusMessage: span.status.message,
    "Events.Timestamp": span.events.map((item) => toDateTime(item.timeUnixNano)),
    "Events.Name": span.events.map((item) => item.name),
    "Events.Attributes": events.map(({ texts }) => texts),
    "Links.TraceId": span.links.map((item) => item.traceId),
    "Links.SpanId": span.links.map((item) => item.spanId),
    "Links.TraceState": span.links.map((item) => item.traceState),
    "Links.Attributes": links.map(({ texts }) => texts),
    TenantId: "",
    AcceptedAt: "",
    StartTimeUnixNano: String(start),
    EndTimeUnixNano: String(end),
    Exact: "",
  };
  return { row, ...exactTexts(span, attributes.exact, events, links) };
}

type Split = { readonly exact: ExactAttributes | undefined };

function exactTexts(
  span: OtlpSpan,
  attributes: ExactAttributes | undefined,
  events: readonly Split[],
  links: readonly Split[],
): Pick<OwnRow, "exactBefore" | "exactBehind"> {
  const dropped = [span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount] as const;
  const exactEvents = span.events.flatMap((event, index): [number, ExactEvent][] => {
    const exact = compact({
      time: event.timeUnixNano > LAST_DATE_TIME ? String(event.timeUnixNano) : undefined,
      dropped: event.droppedAttributesCount || undefined,
      attributes: events[index]?.exact,
    });
    return exact === undefined ? [] : [[index, exact]];
  });
  const exactLinks = span.links.flatMap((link, index): [number, ExactLink][] => {
    const exact = compact({
      flags: link.flags || undefined,
      dropped: link.droppedAttributesCount || undefined,
      attributes: links[index]?.exact,
    });
    return exact === undefined ? [] : [[index, exact]];
  });
  const before = compact({
    kind: spanKinds[span.kind] === undefined ? span.kind : undefined,
    flags: span.flags || undefined,
    dropped: dropped.some((count) => count !== 0) ? dropped : undefined,
    attributes,
  });
  const behind = compact({
    events: exactEvents.length === 0 ? undefined : exactEvents,
    links: exactLinks.length === 0 ? undefined : exactLinks,
  });
  return { exactBefore: membersOf(before), exactBehind: membersOf(behind) };
}

/** The members of an object as JSON, without its braces. */
export function membersOf(value: object | undefined): string {
  return value === undefined ? "" : JSON.stringify(value).slice(1, -1);
}

/** What `Exact` says of a resource and a scope; undefined if nothing. */
export function exactGroup(resource: Resource, attributes: ExactAttributes | undefined, scope: Scope) {
  return compact({
    resource: attributes,
    resourceDropped: resource.droppedAttributesCount || undefined,
    resourceSchemaUrl: resource.schemaUrl || undefined,
    scope:
      scope.attributes.size === 0
        ? undefined
        : [...scope.attributes].map(([key, value]) => [key, toExactValue(value)] as const),
    scopeDropped: scope.droppedAttributesCount || undefined,
    scopeSchemaUrl: scope.schemaUrl || undefined,
  });
}

type Compact<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without undefined members; undefined if none is left. */
function compact<T extends object>(value: T): Compact<T> | undefined {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return members.length === 0 ? undefined : (Object.fromEntries(members) as Compact<T>);
}

/** A span as the columns of {@link spanSelectColumns} have it. */
type SpanRow = Omit<
  SpanRowWritten,
  "Timestamp" | "ServiceName" | "Duration" | "Events.Timestamp" | "TenantId"
> & { readonly EventTimes: readonly string[] };

/** The span that {@link spanEventToRow} was given. @throws for a row it did not make */
export function spanEventFromRow(untyped: Row): SpanEvent {
  const row = untyped as unknown as SpanRow;
  const texts = (attributes: Readonly<Record<string, string>> | undefined) =>
    new Map(Object.entries(attributes ?? {}));
  const details = readExactSpan(row.Exact);
  const columns: SpanColumns = {
    traceId: row.TraceId,
    spanId: row.SpanId,
    acceptedAt: BigInt(row.AcceptedAt),
    parentSpanId: row.ParentSpanId,
    traceState: row.TraceState,
    name: row.SpanName,
    kind: row.SpanKind,
    attributes: texts(row.SpanAttributes),
    statusCode: row.StatusCode,
    statusMessage: row.StatusMessage,
    eventTimes: row.EventTimes.map((time) => BigInt(time)),
    eventNames: row["Events.Name"],
    eventAttributes: row["Events.Attributes"].map(texts),
    linkTraceIds: row["Links.TraceId"],
    linkSpanIds: row["Links.SpanId"],
    linkTraceStates: row["Links.TraceState"],
    linkAttributes: row["Links.Attributes"].map(texts),
    start: BigInt(row.StartTimeUnixNano),
    end: BigInt(row.EndTimeUnixNano),
  };
  return spanEventFromColumns(
    columns,
    details,
    resourceOf(texts(row.ResourceAttributes), details),
    scopeOf(row.ScopeName, row.ScopeVersion, details),
  );
}

/** What the columns of a span say, its maps not shared with anything. */
export interface SpanColumns {
  readonly traceId: string;
  readonly spanId: string;
  readonly acceptedAt: bigint;
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  readonly attributes: Map<string, string>;
  readonly statusCode: string;
  readonly statusMessage: string;
  readonly eventTimes: readonly bigint[];
  readonly eventNames: readonly string[];
  readonly eventAttributes: readonly Map<string, string>[];
  readonly linkTraceIds: readonly string[];
  readonly linkSpanIds: readonly string[];
  readonly linkTraceStates: readonly string[];
  readonly linkAttributes: readonly Map<string, string>[];
  readonly start: bigint;
  readonly end: bigint;
}

/** @throws TypeError for what {@link spanEventToRow} does not give */
export function spanEventFromColumns(
  columns: SpanColumns,
  details: SpanDetails,
  resource: Resource,
  scope: Scope,
): SpanEvent {
  const kind = details.kind ?? spanKinds.indexOf(columns.kind as (typeof spanKinds)[number]);
  const code = statusCodes.indexOf(columns.statusCode as (typeof statusCodes)[number]);
  if (kind === -1 && details.kind !== -1)
    throw new TypeError(`unknown SpanKind ${JSON.stringify(columns.kind)}`);
  if (code === -1) throw new TypeError(`unknown StatusCode ${JSON.stringify(columns.statusCode)}`);
  const span: OtlpSpan = {
    traceId: columns.traceId,
    spanId: columns.spanId,
    parentSpanId: columns.parentSpanId,
    traceState: columns.traceState,
    flags: details.flags ?? 0,
    name: columns.name,
    kind,
    startTimeUnixNano: columns.start,
    endTimeUnixNano: columns.end,
    attributes: typeAttributes(columns.attributes, details.attributes),
    droppedAttributesCount: details.dropped?.[0] ?? 0,
    events: eventsOf(columns, details),
    droppedEventsCount: details.dropped?.[1] ?? 0,
    links: linksOf(columns, details),
    droppedLinksCount: details.dropped?.[2] ?? 0,
    status: { code: code as SpanStatusCode, message: columns.statusMessage },
    resource,
    scope,
  };
  return createSpanEvent(span, columns.acceptedAt);
}

function eventsOf(columns: SpanColumns, details: SpanDetails): readonly TimedEvent[] {
  const detailsOf = new Map(details.events);
  return columns.eventNames.map((name, index) => {
    const exact = detailsOf.get(index);
    return {
      timeUnixNano: timeOf(exact?.time === undefined ? columns.eventTimes[index] : BigInt(exact.time)),
      name,
      attributes: typeAttributes(columns.eventAttributes[index] ?? new Map(), exact?.attributes),
      droppedAttributesCount: exact?.dropped ?? 0,
    };
  });
}

function linksOf(columns: SpanColumns, details: SpanDetails): readonly SpanLink[] {
  const detailsOf = new Map(details.links);
  return columns.linkSpanIds.map((spanId, index) => {
    const exact = detailsOf.get(index);
    return {
      traceId: columns.linkTraceIds[index] as string,
      spanId,
      traceState: columns.linkTraceStates[index] as string,
      attributes: typeAttributes(columns.linkAttributes[index] ?? new Map(), exact?.attributes),
      droppedAttributesCount: exact?.dropped ?? 0,
      flags: exact?.flags ?? 0,
    };
  });
}

export function resourceOf(attributes: Map<string, string>, details: SpanDetails): Resource {
  return {
    attributes: typeAttributes(attributes, details.resource),
    droppedAttributesCount: details.resourceDropped ?? 0,
    schemaUrl: details.resourceSchemaUrl ?? "",
  };
}

export function scopeOf(name: string, version: string, details: SpanDetails): Scope {
  return {
    name,
    version,
    attributes: new Map(details.scope),
    droppedAttributesCount: details.scopeDropped ?? 0,
    schemaUrl: details.scopeSchemaUrl ?? "",
  };
}

/** `DateTime64` begins before 1970, the times of OTLP in it. */
function timeOf(time: bigint | undefined): bigint {
  if (time === undefined) throw new TypeError("an event has no time");
  if (time < 0n) throw new TypeError(`an event's time is ${time}`);
  return time;
}

/** UTC, as every `DateTime64(9)` reads it; later instants become the last it can hold. */
function toDateTime(unixNano: bigint): string {
  const instant = unixNano > LAST_DATE_TIME ? LAST_DATE_TIME : unixNano;
  const seconds = instant / 1_000_000_000n;
  const fraction = String(instant % 1_000_000_000n).padStart(9, "0");
  return `${dateTimeOf(Number(seconds))}.${fraction}`;
}

let lastSecond = -1;
let lastText = "";

/** Spans that arrive together start in the same seconds. */
function dateTimeOf(seconds: number): string {
  if (seconds !== lastSecond) {
    lastText = new Date(seconds * 1_000).toISOString().slice(0, 19).replace("T", " ");
    lastSecond = seconds;
  }
  return lastText;
}

function assertOwnWellFormed(span: OtlpSpan): void {
  const texts = [span.name, span.traceState, span.status.message];
  for (const item of span.events) texts.push(item.name);
  for (const item of span.links) texts.push(item.traceState);
  assertWellFormed(texts, [
    span.attributes,
    ...span.events.map((item) => item.attributes),
    ...span.links.map((item) => item.attributes),
  ]);
}

/** UTF-8 has no lone surrogates: such a string would come back as another, or spoil the whole insert. */
function assertWellFormed(texts: readonly string[], maps: readonly OtlpSpan["attributes"][]): void {
  if (!texts.every((text) => text.isWellFormed())) throw new TypeError(LONE_SURROGATE);
  for (const attributes of maps) {
    for (const [key, value] of attributes) {
      if (!key.isWellFormed() || (typeof value === "string" && !value.isWellFormed())) {
        throw new TypeError(LONE_SURROGATE);
      }
    }
  }
}

const LONE_SURROGATE = "a text holds a lone surrogate, which UTF-8 cannot store";
