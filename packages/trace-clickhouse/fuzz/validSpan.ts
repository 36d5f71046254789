import { assertEvent } from "@es/core/adapter";
import type { SpanEvent } from "@es/trace-projection";

/** What is wrong with an event that a store gave; undefined when it is what its type says. */
export function eventFault(event: SpanEvent, traceId: string): string | undefined {
  try {
    assertEvent(event);
  } catch (error) {
    return String(error);
  }
  const span = event.data;
  if (span.traceId !== traceId || event.aggregateId !== traceId) return "it is of another trace";
  const { resource, scope } = span;
  const texts = [span.spanId, span.parentSpanId, span.traceState, span.name, span.status.message];
  texts.push(resource.schemaUrl, scope.name, scope.version, scope.schemaUrl);
  const counts = [span.flags, span.droppedAttributesCount, span.droppedEventsCount, span.droppedLinksCount];
  counts.push(resource.droppedAttributesCount, scope.droppedAttributesCount);
  const times: unknown[] = [span.startTimeUnixNano, span.endTimeUnixNano];
  const attributes: unknown[] = [span.attributes, resource.attributes, scope.attributes];
  for (const item of span.events) {
    texts.push(item.name);
    counts.push(item.droppedAttributesCount);
    times.push(item.timeUnixNano);
    attributes.push(item.attributes);
  }
  for (const link of span.links) {
    texts.push(link.traceId, link.spanId, link.traceState);
    counts.push(link.flags, link.droppedAttributesCount);
    attributes.push(link.attributes);
  }
  if (!texts.every((text) => typeof text === "string")) return "a text is none";
  if (!counts.every((count) => Number.isInteger(count) && count >= 0 && count <= 0xffffffff))
    return "a count is none";
  if (!times.every((time) => typeof time === "bigint" && time >= 0n && time < 2n ** 64n))
    return "a time is none";
  if (!Number.isInteger(span.kind)) return "the kind is none";
  if (![0, 1, 2].includes(span.status.code)) return "the status is none";
  return attributes.every(isAttributes) ? undefined : "an attribute has no value that there is";
}

function isAttributes(value: unknown): boolean {
  return (
    value instanceof Map && [...value].every(([key, member]) => typeof key === "string" && isValue(member))
  );
}

function isValue(value: unknown): boolean {
  if (value === null || value instanceof Uint8Array) return true;
  if (Array.isArray(value)) return value.every(isValue);
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value;
  return typeof value === "object"
    ? isAttributes(value)
    : ["string", "boolean", "number"].includes(typeof value);
}
