import { OtlpDecodeError, type OtlpDecodeErrorCode } from "./decodeError.js";
import type { DecodeReport, SpanPath } from "./decodeReport.js";
import type { Steps } from "./decodeTurns.js";
import type { Mutable } from "./mutable.js";
import { type SlicingBuffer, slicingBuffer } from "./slicingBuffer.js";
import type { Attributes, AttributeValue, OtlpSpan, Resource, Scope, SpanLink, TimedEvent } from "./span.js";
import type { SpanEncoder } from "./spanEncoder.js";
import {
  idProblem,
  linkProblem,
  MAX_VALUE_DEPTH,
  NO_ATTRIBUTES,
  NO_EVENTS,
  NO_LINKS,
  statusCode,
  ZERO_SPAN_ID,
  ZERO_TRACE_ID,
} from "./spanRules.js";
import { cachedString, MAX_CACHED_LENGTH } from "./stringCache.js";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

/** Unknown groups may nest this deep; nothing in OTLP uses groups. */
const MAX_GROUP_DEPTH = 100;
const MAX_LENGTH = 0x7fffffff;
/** Bytes of spans decoded in one step: less than a millisecond's work. */
const STEP_BYTES = 64 * 1024;

// A tag is `field number << 3 | wire type`. A known field with another wire type is an unknown field, as the protobuf
// specification has it, so a `switch` over whole tags needs no further check.
const tag = (field: number, wireType: number): number => (field << 3) | wireType;

const scratch = new DataView(new ArrayBuffer(8));

/**
 * Reads an ExportTraceServiceRequest in one pass over the bytes, without intermediate messages.
 *
 * Resource and scope objects are created before their fields are known and filled as these come, so the order of fields
 * on the wire does not matter. Singular messages that occur several times are merged, as the specification has it.
 *
 * An encoder has to know resource and scope before their spans: with one these are read first, and their spans in a second
 * pass over the lengths of the fields, so that of several faults of a request another may be the first.
 */
export function* decodeProtobuf(
  bytes: Uint8Array,
  maxItems: number,
  report: DecodeReport,
  encoder?: SpanEncoder<unknown>,
): Steps<OtlpSpan[]> {
  const decoder = new ProtobufDecoder(bytes, maxItems, report, encoder);
  yield* decoder.readRequest();
  return decoder.spans;
}

/** Thrown inside a span for what refuses only that span. */
class SpanTooDeep {}

class ProtobufDecoder {
  readonly spans: OtlpSpan[] = [];
  readonly #buffer: SlicingBuffer;
  readonly #view: DataView;
  readonly #report: DecodeReport;
  readonly #path: SpanPath = { resource: -1, scope: -1, span: -1 };
  readonly #maxItems: number;
  readonly #encoder: SpanEncoder<unknown> | undefined;
  #encodes = false;
  #pos = 0;
  #items = 0;
  #inSpan = false;
  #stepEnd = STEP_BYTES;

  constructor(
    bytes: Uint8Array,
    maxItems: number,
    report: DecodeReport,
    encoder: SpanEncoder<unknown> | undefined,
  ) {
    this.#encoder = encoder;
    this.#buffer = slicingBuffer(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxItems = maxItems;
    this.#report = report;
  }

  *readRequest(): Steps<void> {
    const end = this.#buffer.length;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) yield* this.#readResourceSpans(this.#readEnd(end));
      else this.#skip(t, end, 0);
    }
  }

  *#readResourceSpans(end: number): Steps<void> {
    const path = this.#path;
    path.resource++;
    if (this.#endsStep()) yield;
    path.scope = -1;
    const resource: Mutable<Resource> = {
      attributes: NO_ATTRIBUTES,
      droppedAttributesCount: 0,
      schemaUrl: "",
    };
    const start = this.#pos;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          this.#readResource(resource, this.#readEnd(end));
          break;
        case tag(2, BYTES):
          if (this.#encoder === undefined) yield* this.#readScopeSpans(resource, this.#readEnd(end));
          else this.#skip(t, end, 0);
          break;
        case tag(3, BYTES):
          resource.schemaUrl = this.#readString(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    if (this.#encoder === undefined) return;
    this.#pos = start;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(2, BYTES)) yield* this.#readScopeSpans(resource, this.#readEnd(end));
      else this.#skip(t, end, 0);
    }
  }

  #readResource(resource: Mutable<Resource>, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          resource.attributes = this.#readAttribute(resource.attributes, this.#readEnd(end));
          break;
        case tag(2, VARINT):
          resource.droppedAttributesCount = this.#readUint32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
  }

  *#readScopeSpans(resource: Resource, end: number): Steps<void> {
    const path = this.#path;
    path.scope++;
    if (this.#endsStep()) yield;
    path.span = -1;
    const scope: Mutable<Scope> = {
      name: "",
      version: "",
      attributes: NO_ATTRIBUTES,
      droppedAttributesCount: 0,
      schemaUrl: "",
    };
    const start = this.#pos;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          this.#readScope(scope, this.#readEnd(end));
          break;
        case tag(2, BYTES):
          if (this.#encoder !== undefined) this.#skip(t, end, 0);
          else {
            this.#readSpanOf(resource, scope, this.#readEnd(end));
            if (this.#endsStep()) yield;
          }
          break;
        case tag(3, BYTES):
          scope.schemaUrl = this.#readString(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    if (this.#encoder === undefined) return;
    this.#encodes = this.#encoder.startGroup(resource, scope);
    this.#pos = start;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t !== tag(2, BYTES)) this.#skip(t, end, 0);
      else {
        this.#readSpanOf(resource, scope, this.#readEnd(end));
        if (this.#endsStep()) yield;
      }
    }
  }

  #endsStep(): boolean {
    if (this.#pos < this.#stepEnd) return false;
    this.#stepEnd = this.#pos + STEP_BYTES;
    return true;
  }

  #readSpanOf(resource: Resource, scope: Scope, end: number): void {
    this.#path.span++;
    this.#report.startSpan();
    this.#countItem();
    if (this.#encodes && this.#encodeSpan(end)) return;
    this.#inSpan = true;
    try {
      this.#readSpan(resource, scope, end);
    } catch (error) {
      if (!(error instanceof SpanTooDeep)) throw error;
      this.#rejectTooDeep(end);
    }
    this.#inSpan = false;
  }

  #encodeSpan(end: number): boolean {
    const items = this.#encoder?.addEncoded(this.#buffer, this.#pos, end, this.#maxItems - this.#items) ?? -1;
    if (items < 0) return false;
    this.#items += items;
    this.#pos = end;
    return true;
  }

  #readScope(scope: Mutable<Scope>, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          scope.name = this.#readString(end);
          break;
        case tag(2, BYTES):
          scope.version = this.#readString(end);
          break;
        case tag(3, BYTES):
          scope.attributes = this.#readAttribute(scope.attributes, this.#readEnd(end));
          break;
        case tag(4, VARINT):
          scope.droppedAttributesCount = this.#readUint32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
  }

  #spanStart = 0;

  #readSpan(resource: Resource, scope: Scope, end: number): void {
    this.#spanStart = this.#pos;
    let traceId = "";
    let spanId = "";
    let parentSpanId = "";
    let traceState = "";
    let flags = 0;
    let name = "";
    let kind = 0;
    let startTimeUnixNano = 0n;
    let endTimeUnixNano = 0n;
    let attributes = NO_ATTRIBUTES;
    let droppedAttributesCount = 0;
    let events: TimedEvent[] | undefined;
    let droppedEventsCount = 0;
    let links: SpanLink[] | undefined;
    let droppedLinksCount = 0;
    let badLinks = 0;
    const status = { code: 0 as 0 | 1 | 2, message: "" };
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          traceId = this.#readHex(end);
          break;
        case tag(2, BYTES):
          spanId = this.#readHex(end);
          break;
        case tag(3, BYTES):
          traceState = this.#readString(end);
          break;
        case tag(4, BYTES):
          parentSpanId = this.#readHex(end);
          break;
        case tag(5, BYTES):
          name = this.#readString(end);
          break;
        case tag(6, VARINT):
          kind = this.#readUint32(end) | 0;
          break;
        case tag(7, FIXED64):
          startTimeUnixNano = this.#readFixed64(end);
          break;
        case tag(8, FIXED64):
          endTimeUnixNano = this.#readFixed64(end);
          break;
        case tag(9, BYTES):
          attributes = this.#readAttribute(attributes, this.#readEnd(end));
          break;
        case tag(10, VARINT):
          droppedAttributesCount = this.#readUint32(end);
          break;
        case tag(11, BYTES): {
          const event = this.#readEvent(this.#readEnd(end));
          if (events === undefined) events = [event];
          else events.push(event);
          break;
        }
        case tag(12, VARINT):
          droppedEventsCount = this.#readUint32(end);
          break;
        case tag(13, BYTES): {
          const link = this.#readLink(this.#readEnd(end));
          if (link === undefined) badLinks++;
          else if (links === undefined) links = [link];
          else links.push(link);
          break;
        }
        case tag(14, VARINT):
          droppedLinksCount = this.#readUint32(end);
          break;
        case tag(15, BYTES):
          this.#readStatus(status, this.#readEnd(end));
          break;
        case tag(16, FIXED32):
          flags = this.#readFixed32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    if (parentSpanId === ZERO_SPAN_ID) parentSpanId = "";
    const problem = idProblem(traceId, spanId, parentSpanId);
    if (problem !== undefined) {
      this.#report.reject(this.#path, name, traceId, spanId, problem);
      return;
    }
    const span: OtlpSpan = {
      traceId,
      spanId,
      parentSpanId,
      traceState,
      flags,
      name,
      kind,
      startTimeUnixNano,
      endTimeUnixNano,
      attributes,
      droppedAttributesCount,
      events: events ?? NO_EVENTS,
      droppedEventsCount,
      links: links ?? NO_LINKS,
      droppedLinksCount: badLinks === 0 ? droppedLinksCount : addUint32(droppedLinksCount, badLinks),
      status,
      resource,
      scope,
    };
    if (this.#encodes) this.#encoder?.addSpan(span);
    else this.spans.push(span);
  }

  #rejectTooDeep(end: number): void {
    // Only the ids and the name are still wanted: read the span again, skipping everything else.
    this.#pos = this.#spanStart;
    let traceId = "";
    let spanId = "";
    let name = "";
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) traceId = this.#readHex(end);
      else if (t === tag(2, BYTES)) spanId = this.#readHex(end);
      else if (t === tag(5, BYTES)) name = this.#readString(end);
      else this.#skip(t, end, 0);
    }
    const reason = `an attribute nests values deeper than ${MAX_VALUE_DEPTH} levels`;
    this.#report.reject(this.#path, name, traceId, spanId, reason);
  }

  #readEvent(end: number): TimedEvent {
    this.#countItem();
    let timeUnixNano = 0n;
    let name = "";
    let attributes = NO_ATTRIBUTES;
    let droppedAttributesCount = 0;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, FIXED64):
          timeUnixNano = this.#readFixed64(end);
          break;
        case tag(2, BYTES):
          name = this.#readString(end);
          break;
        case tag(3, BYTES):
          attributes = this.#readAttribute(attributes, this.#readEnd(end));
          break;
        case tag(4, VARINT):
          droppedAttributesCount = this.#readUint32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    return { timeUnixNano, name, attributes, droppedAttributesCount };
  }

  #readLink(end: number): SpanLink | undefined {
    this.#countItem();
    let traceId = "";
    let spanId = "";
    let traceState = "";
    let attributes = NO_ATTRIBUTES;
    let droppedAttributesCount = 0;
    let flags = 0;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          traceId = this.#readHex(end);
          break;
        case tag(2, BYTES):
          spanId = this.#readHex(end);
          break;
        case tag(3, BYTES):
          traceState = this.#readString(end);
          break;
        case tag(4, BYTES):
          attributes = this.#readAttribute(attributes, this.#readEnd(end));
          break;
        case tag(5, VARINT):
          droppedAttributesCount = this.#readUint32(end);
          break;
        case tag(6, FIXED32):
          flags = this.#readFixed32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    const problem = linkProblem(traceId, spanId);
    if (problem !== undefined) {
      this.#report.warn(this.#path, `a link was dropped: its ${problem}`);
      return undefined;
    }
    return {
      traceId: traceId === "" ? ZERO_TRACE_ID : traceId,
      spanId: spanId === "" ? ZERO_SPAN_ID : spanId,
      traceState,
      attributes,
      droppedAttributesCount,
      flags,
    };
  }

  #readStatus(status: { code: 0 | 1 | 2; message: string }, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(2, BYTES):
          status.message = this.#readString(end);
          break;
        case tag(3, VARINT):
          status.code = statusCode(this.#readUint32(end) | 0);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
  }

  /** Reads one KeyValue into `attributes`, or into a new map when that is the shared empty one. */
  #readAttribute(attributes: Attributes, end: number): Attributes {
    const map = attributes === NO_ATTRIBUTES ? new Map<string, AttributeValue>() : attributes;
    this.#readKeyValue(map as Map<string, AttributeValue>, end, 0);
    return map;
  }

  #readKeyValue(map: Map<string, AttributeValue>, end: number, depth: number): void {
    this.#countItem();
    let key = "";
    let value: AttributeValue = null;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          key = this.#readString(end);
          break;
        case tag(2, BYTES):
          value = this.#readAnyValue(value, this.#readEnd(end), depth);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    map.set(key, value);
  }

  /** `value` is what earlier occurrences of the same field held: arrays and kvlists are merged into it. */
  #readAnyValue(value: AttributeValue, end: number, depth: number): AttributeValue {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          value = this.#readString(end);
          break;
        case tag(2, VARINT):
          value = this.#readBool(end);
          break;
        case tag(3, VARINT):
          value = this.#readInt64(end);
          break;
        case tag(4, FIXED64):
          value = this.#readDouble(end);
          break;
        case tag(5, BYTES): {
          const valuesEnd = this.#readEnd(end);
          if (depth >= MAX_VALUE_DEPTH) this.#tooDeep();
          const values: AttributeValue[] = Array.isArray(value) ? (value as AttributeValue[]) : [];
          value = values;
          this.#readArray(values, valuesEnd, depth + 1);
          break;
        }
        case tag(6, BYTES): {
          const entriesEnd = this.#readEnd(end);
          if (depth >= MAX_VALUE_DEPTH) this.#tooDeep();
          const entries = value instanceof Map ? (value as Map<string, AttributeValue>) : new Map();
          value = entries;
          this.#readKeyValueList(entries, entriesEnd, depth + 1);
          break;
        }
        case tag(7, BYTES):
          value = this.#readBytes(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
    return value;
  }

  #readArray(values: AttributeValue[], end: number, depth: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) {
        this.#countItem();
        values.push(this.#readAnyValue(null, this.#readEnd(end), depth));
      } else this.#skip(t, end, 0);
    }
  }

  #readKeyValueList(entries: Map<string, AttributeValue>, end: number, depth: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) this.#readKeyValue(entries, this.#readEnd(end), depth);
      else this.#skip(t, end, 0);
    }
  }

  // --- the wire ------------------------------------------------------------------------------------------------------

  #readTag(end: number): number {
    const buffer = this.#buffer;
    const start = this.#pos;
    // One byte covers every OTLP field up to 15, all but `flags`.
    let byte = buffer[this.#pos++]!;
    if (byte < 0x80) {
      if (byte < 8) this.#fail("invalid_tag", start, "field number 0 does not exist");
      return byte;
    }
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      if (this.#pos >= end) this.#fail("truncated", this.#pos, "the bytes end inside a field tag");
      byte = buffer[this.#pos++]!;
      if (shift === 28 && byte > 0x0f) this.#fail("invalid_tag", start, "a field tag is longer than 32 bits");
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        value >>>= 0;
        if (value < 8) this.#fail("invalid_tag", start, "field number 0 does not exist");
        return value;
      }
    }
    return this.#fail("invalid_tag", start, "a field tag is longer than 32 bits");
  }

  /** A varint truncated to 32 bits, as the specification has it for 32-bit fields. */
  #readUint32(end: number): number {
    const buffer = this.#buffer;
    if (this.#pos < end && buffer[this.#pos]! < 0x80) return buffer[this.#pos++]!;
    this.#readVarint(end);
    return this.#low;
  }

  #low = 0;
  #high = 0;

  /** Reads up to 64 bits into `#low` and `#high`; what a tenth byte holds beyond them is dropped. */
  #readVarint(end: number): void {
    const buffer = this.#buffer;
    const start = this.#pos;
    const limit = Math.min(end, start + 10);
    let low = 0;
    let high = 0;
    let pos = start;
    for (let shift = 0; pos < limit; shift += 7) {
      const byte = buffer[pos++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        this.#pos = pos;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    if (pos === start + 10) this.#fail("invalid_varint", start, "a varint is longer than ten bytes");
    this.#fail("truncated", pos, "the bytes end inside a varint");
  }

  #readBool(end: number): boolean {
    this.#readVarint(end);
    return (this.#low | this.#high) !== 0;
  }

  #readInt64(end: number): bigint {
    const buffer = this.#buffer;
    if (this.#pos < end && buffer[this.#pos]! < 0x80) return BigInt(buffer[this.#pos++]!);
    this.#readVarint(end);
    if (this.#high === 0) return BigInt(this.#low);
    scratch.setUint32(0, this.#low, true);
    scratch.setUint32(4, this.#high, true);
    return scratch.getBigInt64(0, true);
  }

  /** Reads a length prefix; returns where the field ends, having checked that it ends within its container. */
  #readEnd(end: number): number {
    const buffer = this.#buffer;
    const start = this.#pos;
    if (start >= end) this.#fail("truncated", start, "the bytes end where a length should be");
    let length = buffer[this.#pos++]!;
    if (length >= 0x80) {
      length &= 0x7f;
      let shift = 7;
      for (;;) {
        if (this.#pos >= end) this.#fail("truncated", this.#pos, "the bytes end inside a length");
        const byte = buffer[this.#pos++]!;
        length += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) break;
        shift += 7;
        if (shift > 28) this.#fail("invalid_varint", start, "a length is longer than five bytes");
      }
      if (length > MAX_LENGTH) this.#fail("invalid_varint", start, `a length of ${length} is above 2^31 - 1`);
    }
    const fieldEnd = this.#pos + length;
    if (fieldEnd > end) {
      this.#fail("truncated", start, `a field of ${length} bytes has only ${end - this.#pos} bytes left`);
    }
    return fieldEnd;
  }

  #readString(end: number): string {
    const fieldEnd = this.#readEnd(end);
    const start = this.#pos;
    this.#pos = fieldEnd;
    const length = fieldEnd - start;
    if (length === 0) return "";
    if (length <= MAX_CACHED_LENGTH) return cachedString(this.#buffer, start, length);
    return this.#buffer.utf8Slice(start, fieldEnd);
  }

  #readHex(end: number): string {
    const fieldEnd = this.#readEnd(end);
    const start = this.#pos;
    this.#pos = fieldEnd;
    // No id is longer than 16 bytes: 33 are enough to say that it is too long.
    return this.#buffer.hexSlice(start, Math.min(fieldEnd, start + 33));
  }

  #readBytes(end: number): Uint8Array {
    const fieldEnd = this.#readEnd(end);
    // A copy: a view would keep the whole request alive.
    const bytes = new Uint8Array(fieldEnd - this.#pos);
    bytes.set(this.#buffer.subarray(this.#pos, fieldEnd));
    this.#pos = fieldEnd;
    return bytes;
  }

  #readFixed64(end: number): bigint {
    return this.#view.getBigUint64(this.#advance(8, end), true);
  }

  #readDouble(end: number): number {
    return this.#view.getFloat64(this.#advance(8, end), true);
  }

  #readFixed32(end: number): number {
    return this.#view.getUint32(this.#advance(4, end), true);
  }

  #advance(length: number, end: number): number {
    const start = this.#pos;
    if (start + length > end) {
      this.#fail("truncated", start, `a field of ${length} bytes has only ${end - start} bytes left`);
    }
    this.#pos = start + length;
    return start;
  }

  #skip(t: number, end: number, depth: number): void {
    switch (t & 7) {
      case VARINT:
        this.#readVarint(end);
        return;
      case FIXED64:
        this.#advance(8, end);
        return;
      case BYTES:
        this.#pos = this.#readEnd(end);
        return;
      case START_GROUP:
        this.#skipGroup(t, end, depth);
        return;
      case END_GROUP:
        this.#fail("invalid_group", this.#pos, `group ${t >>> 3} ends without having started`);
        return;
      case FIXED32:
        this.#advance(4, end);
        return;
      default:
        this.#fail(
          "invalid_wire_type",
          this.#pos,
          `field ${t >>> 3} has wire type ${t & 7}, which does not exist`,
        );
    }
  }

  #skipGroup(start: number, end: number, depth: number): void {
    if (depth >= MAX_GROUP_DEPTH) {
      this.#fail("invalid_group", this.#pos, `groups nest deeper than ${MAX_GROUP_DEPTH} levels`);
    }
    const closing = (start & ~7) | END_GROUP;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t >>> 0 === closing >>> 0) return;
      this.#skip(t, end, depth + 1);
    }
    this.#fail("invalid_group", this.#pos, `group ${start >>> 3} does not end within its message`);
  }

  #countItem(): void {
    if (++this.#items > this.#maxItems) {
      this.#fail(
        "too_many_items",
        this.#pos,
        `more than ${this.#maxItems} spans, events, links and values in one request; send smaller batches`,
      );
    }
  }

  #tooDeep(): never {
    if (this.#inSpan) throw new SpanTooDeep();
    return this.#fail("too_deep", this.#pos, `a value nests deeper than ${MAX_VALUE_DEPTH} levels`);
  }

  #fail(code: OtlpDecodeErrorCode, offset: number, problem: string): never {
    throw new OtlpDecodeError(code, `Malformed OTLP protobuf at byte ${offset}: ${problem}.`, offset);
  }
}

function addUint32(a: number, b: number): number {
  return Math.min(a + b, 0xffffffff);
}
