import type { OtlpEncoding } from "./decodeTraceRequest.js";
import { ProtobufWriter } from "./protobufWriter.js";
import type { Attributes, AttributeValue, OtlpSpan, Resource, Scope, SpanLink, TimedEvent } from "./span.js";

/**
 * Writes spans as an ExportTraceServiceRequest: the inverse of `decodeTraceRequest`. Spans that share a resource object become
 * one ResourceSpans, and those that also share a scope object one ScopeSpans, both in the order of their first span.
 *
 * @throws RangeError when an id is not hex of the right length or a number is out of its field's range
 */
export function encodeTraceRequest(spans: Iterable<OtlpSpan>, encoding: OtlpEncoding): Uint8Array {
  const groups = groupSpans(spans);
  return encoding === "json" ? Buffer.from(JSON.stringify(requestJson(groups))) : requestProtobuf(groups);
}

type Groups = Map<Resource, Map<Scope, OtlpSpan[]>>;

function groupSpans(spans: Iterable<OtlpSpan>): Groups {
  const groups: Groups = new Map();
  for (const span of spans) {
    let scopes = groups.get(span.resource);
    if (scopes === undefined) {
      scopes = new Map();
      groups.set(span.resource, scopes);
    }
    const group = scopes.get(span.scope);
    if (group === undefined) scopes.set(span.scope, [span]);
    else group.push(span);
  }
  return groups;
}

// --- protobuf: everything is written back to front, see ProtobufWriter ---------------------------------------------

function requestProtobuf(groups: Groups): Uint8Array {
  const writer = new ProtobufWriter();
  for (const [resource, scopes] of [...groups].reverse()) {
    const start = writer.mark;
    if (resource.schemaUrl !== "") writer.string(3, resource.schemaUrl);
    for (const [scope, spans] of [...scopes].reverse()) writeScopeSpans(writer, scope, spans);
    const resourceStart = writer.mark;
    if (resource.droppedAttributesCount !== 0) writer.uint32(2, resource.droppedAttributesCount);
    writeAttributes(writer, 1, resource.attributes);
    if (writer.mark !== resourceStart) writer.message(1, resourceStart);
    writer.message(1, start);
  }
  return writer.finish();
}

function writeScopeSpans(writer: ProtobufWriter, scope: Scope, spans: readonly OtlpSpan[]): void {
  const start = writer.mark;
  if (scope.schemaUrl !== "") writer.string(3, scope.schemaUrl);
  for (let i = spans.length - 1; i >= 0; i--) writeSpan(writer, spans[i]!);
  const scopeStart = writer.mark;
  if (scope.droppedAttributesCount !== 0) writer.uint32(4, scope.droppedAttributesCount);
  writeAttributes(writer, 3, scope.attributes);
  if (scope.version !== "") writer.string(2, scope.version);
  if (scope.name !== "") writer.string(1, scope.name);
  if (writer.mark !== scopeStart) writer.message(1, scopeStart);
  writer.message(2, start);
}

function writeSpan(writer: ProtobufWriter, span: OtlpSpan): void {
  const start = writer.mark;
  if (span.flags !== 0) writer.fixed32(16, span.flags);
  const statusStart = writer.mark;
  if (span.status.code !== 0) writer.uint32(3, span.status.code);
  if (span.status.message !== "") writer.string(2, span.status.message);
  if (writer.mark !== statusStart) writer.message(15, statusStart);
  if (span.droppedLinksCount !== 0) writer.uint32(14, span.droppedLinksCount);
  for (let i = span.links.length - 1; i >= 0; i--) writeLink(writer, span.links[i]!);
  if (span.droppedEventsCount !== 0) writer.uint32(12, span.droppedEventsCount);
  for (let i = span.events.length - 1; i >= 0; i--) writeEvent(writer, span.events[i]!);
  if (span.droppedAttributesCount !== 0) writer.uint32(10, span.droppedAttributesCount);
  writeAttributes(writer, 9, span.attributes);
  if (span.endTimeUnixNano !== 0n) writer.fixed64(8, span.endTimeUnixNano);
  if (span.startTimeUnixNano !== 0n) writer.fixed64(7, span.startTimeUnixNano);
  if (span.kind !== 0) writer.int64(6, BigInt(span.kind));
  if (span.name !== "") writer.string(5, span.name);
  if (span.parentSpanId !== "") writer.bytes(4, idBytes(span.parentSpanId, 8));
  if (span.traceState !== "") writer.string(3, span.traceState);
  writer.bytes(2, idBytes(span.spanId, 8));
  writer.bytes(1, idBytes(span.traceId, 16));
  writer.message(2, start);
}

function writeEvent(writer: ProtobufWriter, event: TimedEvent): void {
  const start = writer.mark;
  if (event.droppedAttributesCount !== 0) writer.uint32(4, event.droppedAttributesCount);
  writeAttributes(writer, 3, event.attributes);
  if (event.name !== "") writer.string(2, event.name);
  if (event.timeUnixNano !== 0n) writer.fixed64(1, event.timeUnixNano);
  writer.message(11, start);
}

function writeLink(writer: ProtobufWriter, link: SpanLink): void {
  const start = writer.mark;
  if (link.flags !== 0) writer.fixed32(6, link.flags);
  if (link.droppedAttributesCount !== 0) writer.uint32(5, link.droppedAttributesCount);
  writeAttributes(writer, 4, link.attributes);
  if (link.traceState !== "") writer.string(3, link.traceState);
  writer.bytes(2, idBytes(link.spanId, 8));
  writer.bytes(1, idBytes(link.traceId, 16));
  writer.message(13, start);
}

function writeAttributes(writer: ProtobufWriter, field: number, attributes: Attributes): void {
  if (attributes.size === 0) return;
  for (const [key, value] of [...attributes].reverse()) {
    const start = writer.mark;
    if (value !== null) {
      const valueStart = writer.mark;
      writeValue(writer, value);
      writer.message(2, valueStart);
    }
    if (key !== "") writer.string(1, key);
    writer.message(field, start);
  }
}

function writeValue(writer: ProtobufWriter, value: AttributeValue): void {
  switch (typeof value) {
    case "string":
      writer.string(1, value);
      return;
    case "boolean":
      writer.uint32(2, value ? 1 : 0);
      return;
    case "bigint":
      writer.int64(3, checkedInt64(value));
      return;
    case "number":
      writer.double(4, value);
      return;
  }
  if (value === null) return;
  if (value instanceof Uint8Array) {
    writer.bytes(7, value);
    return;
  }
  const start = writer.mark;
  if (isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) {
      const elementStart = writer.mark;
      writeValue(writer, value[i]!);
      writer.message(1, elementStart);
    }
    writer.message(5, start);
  } else {
    writeAttributes(writer, 1, value);
    writer.message(6, start);
  }
}

// --- JSON ------------------------------------------------------------------------------------------------------------

function requestJson(groups: Groups): unknown {
  return {
    resourceSpans: Array.from(groups, ([resource, scopes]) => ({
      resource: {
        attributes: attributesJson(resource.attributes),
        droppedAttributesCount: resource.droppedAttributesCount || undefined,
      },
      scopeSpans: Array.from(scopes, ([scope, spans]) => ({
        scope: {
          name: scope.name,
          version: scope.version || undefined,
          attributes: attributesJson(scope.attributes),
          droppedAttributesCount: scope.droppedAttributesCount || undefined,
        },
        spans: spans.map(spanJson),
        schemaUrl: scope.schemaUrl || undefined,
      })),
      schemaUrl: resource.schemaUrl || undefined,
    })),
  };
}

function spanJson(span: OtlpSpan): unknown {
  return {
    traceId: checkedId(span.traceId, 16),
    spanId: checkedId(span.spanId, 8),
    parentSpanId: span.parentSpanId === "" ? undefined : checkedId(span.parentSpanId, 8),
    traceState: span.traceState || undefined,
    flags: span.flags || undefined,
    name: span.name,
    kind: span.kind,
    startTimeUnixNano: checkedUint64(span.startTimeUnixNano).toString(),
    endTimeUnixNano: checkedUint64(span.endTimeUnixNano).toString(),
    attributes: attributesJson(span.attributes),
    droppedAttributesCount: span.droppedAttributesCount || undefined,
    events: span.events.length === 0 ? undefined : span.events.map(eventJson),
    droppedEventsCount: span.droppedEventsCount || undefined,
    links: span.links.length === 0 ? undefined : span.links.map(linkJson),
    droppedLinksCount: span.droppedLinksCount || undefined,
    status: { code: span.status.code || undefined, message: span.status.message || undefined },
  };
}

function eventJson(event: TimedEvent): unknown {
  return {
    timeUnixNano: checkedUint64(event.timeUnixNano).toString(),
    name: event.name,
    attributes: attributesJson(event.attributes),
    droppedAttributesCount: event.droppedAttributesCount || undefined,
  };
}

function linkJson(link: SpanLink): unknown {
  return {
    traceId: checkedId(link.traceId, 16),
    spanId: checkedId(link.spanId, 8),
    traceState: link.traceState || undefined,
    attributes: attributesJson(link.attributes),
    droppedAttributesCount: link.droppedAttributesCount || undefined,
    flags: link.flags || undefined,
  };
}

function attributesJson(attributes: Attributes): unknown {
  return attributes.size === 0 ? undefined : entriesJson(attributes);
}

function entriesJson(attributes: Attributes): unknown[] {
  return Array.from(attributes, ([key, value]) => ({ key, value: valueJson(value) }));
}

function valueJson(value: AttributeValue): unknown {
  switch (typeof value) {
    case "string":
      return { stringValue: value };
    case "boolean":
      return { boolValue: value };
    case "bigint":
      return { intValue: checkedInt64(value).toString() };
    case "number":
      return { doubleValue: doubleJson(value) };
  }
  if (value === null) return {};
  if (value instanceof Uint8Array) {
    return { bytesValue: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (isArray(value)) return { arrayValue: { values: value.map(valueJson) } };
  return { kvlistValue: { values: entriesJson(value) } };
}

/** JSON has no NaN and no infinities, and `JSON.stringify` writes -0 as 0: OTLP takes all of them as strings. */
function doubleJson(value: number): number | string {
  if (Object.is(value, -0)) return "-0";
  return Number.isFinite(value) ? value : String(value);
}

// --- checks: a wrong span must not become a request that says something else ------------------------------------------

function isArray(value: AttributeValue): value is readonly AttributeValue[] {
  return Array.isArray(value);
}

function idBytes(hex: string, length: number): Uint8Array {
  return Buffer.from(checkedId(hex, length), "hex");
}

function checkedId(hex: string, length: number): string {
  if (hex.length !== length * 2 || !/^[0-9a-f]*$/.test(hex)) {
    throw new RangeError(
      `An id must be ${length * 2} lowercase hex digits, not ${JSON.stringify(hex.slice(0, 64))}.`,
    );
  }
  return hex;
}

function checkedInt64(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw new RangeError(`${value} is not a signed 64-bit integer.`);
  return value;
}

function checkedUint64(value: bigint): bigint {
  if (BigInt.asUintN(64, value) !== value)
    throw new RangeError(`${value} is not an unsigned 64-bit integer.`);
  return value;
}
