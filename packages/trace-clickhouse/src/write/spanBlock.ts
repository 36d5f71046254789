import type { TenantId } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import { type EncodedRows, LowCardinalityColumn, MapColumn, NativeBytes } from "@es/store-clickhouse";
import { LAST_DATE_TIME, spanToRow } from "../columns/spanRow.js";
import { LargeSpanWriter, type WritingSteps } from "./largeSpan.js";
import { SpanGroup } from "./spanGroup.js";

/** 32 digits behind their length. */
const TRACE_ID_BYTES = 33;

const attributeMap = "Map(LowCardinality(String), String)";

/**
 * Spans as a block of ClickHouse's `Native` format: column by column. Tenant and accepted stamps are only known when the
 * spans are stored, and are given by {@link seal}.
 */
export class SpanBlock {
  readonly timestamps = new NativeBytes();
  readonly traceIds = new NativeBytes();
  readonly spanIds = new NativeBytes();
  readonly parentSpanIds = new NativeBytes();
  readonly traceStates = new NativeBytes();
  readonly names = new LowCardinalityColumn();
  readonly kinds = new LowCardinalityColumn();
  readonly serviceNames = new LowCardinalityColumn();
  readonly resources = new MapColumn();
  readonly scopeNames = new NativeBytes();
  readonly scopeVersions = new NativeBytes();
  readonly attributes = new MapColumn();
  readonly durations = new NativeBytes();
  readonly statusCodes = new LowCardinalityColumn();
  readonly statusMessages = new NativeBytes();
  readonly eventOffsets = new NativeBytes();
  readonly eventTimes = new NativeBytes();
  readonly eventNames = new LowCardinalityColumn();
  readonly eventAttributes = new MapColumn();
  readonly linkOffsets = new NativeBytes();
  readonly linkTraceIds = new NativeBytes();
  readonly linkSpanIds = new NativeBytes();
  readonly linkTraceStates = new NativeBytes();
  readonly linkAttributes = new MapColumn();
  readonly starts = new NativeBytes();
  readonly ends = new NativeBytes();
  readonly exacts = new NativeBytes();
  rows = 0;
  links = 0;

  readonly #maps = [this.resources, this.attributes, this.eventAttributes, this.linkAttributes];
  readonly #texts = [this.names, this.kinds, this.serviceNames, this.statusCodes, this.eventNames];
  readonly #dictionaries = [...this.#texts, ...this.#maps.map((map) => map.keys)];
  /** Whose rows do not depend on those before. */
  readonly #plain = [
    this.timestamps,
    this.traceIds,
    this.spanIds,
    this.parentSpanIds,
    this.traceStates,
    this.scopeNames,
    this.scopeVersions,
    this.durations,
    this.statusMessages,
    this.eventTimes,
    this.linkTraceIds,
    this.linkSpanIds,
    this.linkTraceStates,
    this.starts,
    this.ends,
    this.exacts,
  ];
  readonly #bytes = [
    ...this.#plain,
    this.eventOffsets,
    this.linkOffsets,
    ...this.#maps.flatMap((map) => [map.values, map.offsets]),
  ];
  readonly #tenants = new NativeBytes();
  readonly #acceptedAt = new NativeBytes();
  #rowsBefore = 0;
  readonly #marks = new Float64Array(this.#bytes.length + this.#dictionaries.length);

  /** About what {@link seal} will give. */
  get byteLength(): number {
    let sum = 0;
    for (const { length } of this.#bytes) sum += length;
    for (const { length, keyLength } of this.#dictionaries) sum += length + keyLength;
    return sum;
  }

  /** Bytes held for what may come. */
  get capacity(): number {
    let sum = 0;
    for (const { bytes } of this.#bytes) sum += bytes.length;
    for (const { capacity } of this.#dictionaries) sum += capacity;
    return sum;
  }

  /** Whether the last span is of another trace than the one before it. */
  traceIsNew(): boolean {
    const { bytes, length } = this.traceIds;
    if (this.rows === 1) return true;
    const before = length - TRACE_ID_BYTES;
    for (let i = before; i < length; i++) if (bytes[i] !== bytes[i - TRACE_ID_BYTES]) return true;
    return false;
  }

  lastTraceId(): string {
    const { bytes, length } = this.traceIds;
    return bytes.toString("latin1", length - TRACE_ID_BYTES + 1, length);
  }

  /** A span may be taken back until the next one is begun. */
  beginSpan(): void {
    const marks = this.#marks;
    this.#rowsBefore = this.rows;
    let place = 0;
    for (const column of this.#bytes) marks[place++] = column.length;
    for (const column of this.#dictionaries) marks[place++] = column.length;
  }

  /** Forgets what was written since {@link beginSpan}; its texts may stay in dictionaries, where no row names them. */
  takeBack(): void {
    const marks = this.#marks;
    this.rows = this.#rowsBefore;
    let place = 0;
    for (const column of this.#bytes) column.length = marks[place++] as number;
    for (const column of this.#dictionaries) column.length = marks[place++] as number;
  }

  clear(): void {
    for (const column of this.#bytes) column.length = 0;
    for (const column of this.#dictionaries) column.clear();
    this.rows = 0;
    this.links = 0;
  }

  /**
   * Any span, by way of its row.
   *
   * @param group of the span's resource and scope
   * @throws TypeError what `spanToRow` throws; then nothing was added
   */
  addSpan(span: OtlpSpan, group = SpanGroup.of(span.resource, span.scope)): void {
    const { row, exactBefore, exactBehind } = spanToRow(span);
    const { startTimeUnixNano: start } = span;
    this.timestamps.bigint(dateTime(start));
    this.traceIds.text(row.TraceId);
    this.spanIds.text(row.SpanId);
    this.parentSpanIds.text(row.ParentSpanId);
    this.traceStates.text(row.TraceState);
    this.names.push(this.names.keyOf(row.SpanName));
    this.kinds.push(this.kinds.keyOf(row.SpanKind));
    group.write(this);
    addMap(this.attributes, row.SpanAttributes);
    this.durations.bigint(BigInt(row.Duration));
    this.statusCodes.push(this.statusCodes.keyOf(row.StatusCode));
    this.statusMessages.text(row.StatusMessage);
    for (const [place, event] of span.events.entries()) {
      this.eventTimes.bigint(dateTime(event.timeUnixNano));
      this.eventNames.push(this.eventNames.keyOf(event.name));
      addMap(this.eventAttributes, row["Events.Attributes"][place] ?? {});
    }
    this.eventOffsets.count(this.eventNames.length);
    for (const [place, link] of span.links.entries()) {
      this.linkTraceIds.text(link.traceId);
      this.linkSpanIds.text(link.spanId);
      this.linkTraceStates.text(link.traceState);
      addMap(this.linkAttributes, row["Links.Attributes"][place] ?? {});
    }
    this.links += span.links.length;
    this.linkOffsets.count(this.links);
    this.starts.bigint(start);
    this.ends.bigint(span.endTimeUnixNano);
    addExactSpan(this.exacts, exactBefore, group.exact, exactBehind);
    this.rows++;
  }

  /** {@link addSpan} in steps, for a span of many values. Maps keep the order of their keys. */
  *addLargeSpan(span: OtlpSpan, group = SpanGroup.of(span.resource, span.scope)): WritingSteps {
    const { startTimeUnixNano: start, events, links } = span;
    // What all rows have, of the same span without what may be many.
    const { row, exactBefore } = spanToRow({ ...span, attributes: NONE, events: [], links: [] });
    const writer = new LargeSpanWriter();
    const exact = new NativeBytes();
    const exactLists = new NativeBytes();
    yield* writer.map(this.attributes, span.attributes, exact, '"attributes":');
    const [exactEvents, exactLinks] = [new NativeBytes(), new NativeBytes()];
    for (const [place, event] of events.entries()) {
      this.eventTimes.bigint(dateTime(event.timeUnixNano));
      this.eventNames.push(this.eventNames.keyOf(event.name));
      exactLists.length = 0;
      yield* writer.map(this.eventAttributes, event.attributes, exactLists, "");
      const head = {
        time: event.timeUnixNano > LAST_DATE_TIME ? String(event.timeUnixNano) : undefined,
        dropped: event.droppedAttributesCount || undefined,
      };
      addExact(exactEvents, place, head, exactLists);
      if (writer.endsStep()) yield;
    }
    for (const [place, link] of links.entries()) {
      this.linkTraceIds.text(link.traceId);
      this.linkSpanIds.text(link.spanId);
      this.linkTraceStates.text(link.traceState);
      exactLists.length = 0;
      yield* writer.map(this.linkAttributes, link.attributes, exactLists, "");
      const head = { flags: link.flags || undefined, dropped: link.droppedAttributesCount || undefined };
      addExact(exactLinks, place, head, exactLists);
      if (writer.endsStep()) yield;
    }
    this.links += links.length;
    this.eventOffsets.count(this.eventNames.length);
    this.linkOffsets.count(this.links);
    this.timestamps.bigint(dateTime(start));
    this.traceIds.text(row.TraceId);
    this.spanIds.text(row.SpanId);
    this.parentSpanIds.text(row.ParentSpanId);
    this.traceStates.text(row.TraceState);
    this.names.push(this.names.keyOf(row.SpanName));
    this.kinds.push(this.kinds.keyOf(row.SpanKind));
    group.write(this);
    this.durations.bigint(BigInt(row.Duration));
    this.statusCodes.push(this.statusCodes.keyOf(row.StatusCode));
    this.statusMessages.text(row.StatusMessage);
    this.starts.bigint(start);
    this.ends.bigint(span.endTimeUnixNano);
    const before = membersText(exactBefore, exact);
    const behind = membersText("", listed('"events":', exactEvents), listed('"links":', exactLinks));
    addExactSpan(this.exacts, before, group.exact, behind);
    this.rows++;
  }

  /** The spans of another block behind those of this one. */
  append(other: SpanBlock): void {
    this.eventOffsets.counts(other.eventOffsets, this.eventNames.length);
    this.linkOffsets.counts(other.linkOffsets, this.links);
    for (const [place, column] of this.#plain.entries()) {
      const { bytes, length } = other.#plain[place] as NativeBytes;
      column.raw(bytes, 0, length);
    }
    for (const [place, column] of this.#texts.entries())
      column.append(other.#texts[place] as LowCardinalityColumn);
    for (const [place, map] of this.#maps.entries()) map.append(other.#maps[place] as MapColumn);
    this.rows += other.rows;
    this.links += other.links;
  }

  /**
   * The block, of this tenant; `stamp` gives the accepted time of each span in turn.
   *
   * @param out what it is written to; empty
   */
  seal(tenantId: TenantId, stamp: () => bigint, out: NativeBytes): EncodedRows {
    const { rows } = this;
    const tenants = this.#tenants;
    const acceptedAt = this.#acceptedAt;
    tenants.length = 0;
    acceptedAt.length = 0;
    const tenant = Buffer.from(tenantId);
    for (let row = 0; row < rows; row++) {
      tenants.varint(tenant.length);
      tenants.raw(tenant, 0, tenant.length);
      acceptedAt.bigint(stamp());
    }
    const columns: readonly [name: string, type: string, ...parts: readonly Part[]][] = [
      ["Timestamp", "DateTime64(9)", this.timestamps],
      ["TraceId", "String", this.traceIds],
      ["SpanId", "String", this.spanIds],
      ["ParentSpanId", "String", this.parentSpanIds],
      ["TraceState", "String", this.traceStates],
      ["SpanName", "LowCardinality(String)", PREFIX, this.names],
      ["SpanKind", "LowCardinality(String)", PREFIX, this.kinds],
      ["ServiceName", "LowCardinality(String)", PREFIX, this.serviceNames],
      ["ResourceAttributes", attributeMap, PREFIX, this.resources],
      ["ScopeName", "String", this.scopeNames],
      ["ScopeVersion", "String", this.scopeVersions],
      ["SpanAttributes", attributeMap, PREFIX, this.attributes],
      ["Duration", "UInt64", this.durations],
      ["StatusCode", "LowCardinality(String)", PREFIX, this.statusCodes],
      ["StatusMessage", "String", this.statusMessages],
      ["Events.Timestamp", "Array(DateTime64(9))", this.eventOffsets, this.eventTimes],
      ["Events.Name", "Array(LowCardinality(String))", PREFIX, this.eventOffsets, this.eventNames],
      ["Events.Attributes", `Array(${attributeMap})`, PREFIX, this.eventOffsets, this.eventAttributes],
      ["Links.TraceId", "Array(String)", this.linkOffsets, this.linkTraceIds],
      ["Links.SpanId", "Array(String)", this.linkOffsets, this.linkSpanIds],
      ["Links.TraceState", "Array(String)", this.linkOffsets, this.linkTraceStates],
      ["Links.Attributes", `Array(${attributeMap})`, PREFIX, this.linkOffsets, this.linkAttributes],
      ["TenantId", "String", tenants],
      ["AcceptedAt", "UInt64", acceptedAt],
      ["StartTimeUnixNano", "UInt64", this.starts],
      ["EndTimeUnixNano", "UInt64", this.ends],
      ["Exact", "String", this.exacts],
    ];
    out.reserve(this.byteLength + tenants.length + acceptedAt.length + 4_096);
    out.varint(columns.length);
    out.varint(rows);
    for (const [name, type, ...parts] of columns) {
      out.text(name);
      out.text(type);
      for (const part of parts) {
        if (part === PREFIX) LowCardinalityColumn.writePrefix(out);
        else if (part instanceof NativeBytes) out.raw(part.bytes, 0, part.length);
        else part.write(out);
      }
    }
    return { format: "Native", bytes: out.bytes.subarray(0, out.length), byteLength: out.length, rows };
  }
}

const PREFIX = "prefix";
type Part = typeof PREFIX | NativeBytes | LowCardinalityColumn | MapColumn;

const NONE: OtlpSpan["attributes"] = new Map();

/** One event or link: its place and what its columns lose of it, behind a comma. Nothing if they lose nothing. */
function addExact(
  out: NativeBytes,
  place: number,
  head: Readonly<Record<string, number | string | undefined>>,
  attributes: NativeBytes,
): void {
  const members = JSON.stringify(head).slice(1, -1);
  if (members === "" && attributes.length === 0) return;
  const comma = members !== "" && attributes.length > 0 ? "," : "";
  out.bareText(`,[${place},{${members}${comma}${attributes.length > 0 ? '"attributes":' : ""}`);
  out.raw(attributes.bytes, 0, attributes.length);
  out.bareText("}]");
}

/** Members of an object, with a comma between any two. */
function membersText(...parts: readonly (string | NativeBytes)[]): NativeBytes {
  const text = new NativeBytes(64);
  for (const part of parts) {
    if (part.length === 0) continue;
    if (text.length > 0) text.byte(COMMA);
    if (typeof part === "string") text.bareText(part);
    else text.raw(part.bytes, 0, part.length);
  }
  return text;
}

/** A list of events or links, each of which is behind a comma, as a member. */
function listed(name: string, items: NativeBytes): NativeBytes {
  const text = new NativeBytes(64);
  if (items.length === 0) return text;
  text.bareText(`${name}[`);
  text.raw(items.bytes, 1, items.length);
  text.bareText("]");
  return text;
}

/**
 * The members of `Exact` in the order of `spanEventToRow`: kind, flags, dropped and attributes, those of the group, events and
 * links.
 *
 * @param group each member behind a comma
 */
function addExactSpan(
  out: NativeBytes,
  before: string | NativeBytes,
  group: Uint8Array,
  behind: string | NativeBytes,
): void {
  const isFirst = before.length === 0;
  if (isFirst && group.length + behind.length === 0) {
    out.byte(0);
    return;
  }
  if (typeof before === "string" && typeof behind === "string" && group.length === 0) {
    out.text(isFirst || behind === "" ? `{${before}${behind}}` : `{${before},${behind}}`);
    return;
  }
  const [first, last] = [bytesOf(before), bytesOf(behind)];
  const ofGroup = isFirst && group.length > 0 ? group.subarray(1) : group;
  const hasComma = last.length > 0 && first.length + ofGroup.length > 0;
  out.varint(first.length + ofGroup.length + last.length + (hasComma ? 3 : 2));
  out.byte(OPEN);
  out.raw(first, 0, first.length);
  out.raw(ofGroup, 0, ofGroup.length);
  if (hasComma) out.byte(COMMA);
  out.raw(last, 0, last.length);
  out.byte(CLOSE);
}

function bytesOf(text: string | NativeBytes): Uint8Array {
  return typeof text === "string" ? Buffer.from(text) : text.bytes.subarray(0, text.length);
}

const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

function addMap(column: MapColumn, entries: Readonly<Record<string, string>>): void {
  for (const key in entries) column.add(key, entries[key] as string);
  column.endMap();
}

function dateTime(unixNano: bigint): bigint {
  return unixNano > LAST_DATE_TIME ? LAST_DATE_TIME : unixNano;
}
