import { OtlpDecodeError, type OtlpDecodeErrorCode } from "./decodeError.js";
import type { DecodeReport, SpanPath } from "./decodeReport.js";
import type { Steps } from "./decodeTurns.js";
import type { Mutable } from "./mutable.js";
import { type DecodeLimits, type GroupSizes, RowRepeats } from "./rowRepeats.js";
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
/** Messages of more bytes are read in steps. */
const LARGE_BYTES = 16 * 1024;
/** Bytes of such a message that are read in one step. */
const LARGE_STEP_BYTES = 16 * 1024;
/** Copying bytes of a resource into a row takes less than an eighth of decoding them. */
const COPIED_IN_A_STEP = 3;
/** Events, links, attributes and list members that an encoder takes of one span in one step. */
const MAX_ENCODED_ITEMS = 4_096;

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
  limits: DecodeLimits,
  report: DecodeReport,
  encoder?: SpanEncoder<unknown>,
  largeBytes = LARGE_BYTES,
): Steps<OtlpSpan[]> {
  const decoder = new ProtobufDecoder(bytes, limits, report, encoder, largeBytes);
  yield* decoder.readRequest();
  return decoder.spans;
}

/** Thrown inside a span for what refuses only that span. */
class SpanTooDeep {}

interface Entry {
  key: string;
  value: AttributeValue;
}

/** A span whose fields are being read. */
class SpanFields {
  traceId = "";
  spanId = "";
  parentSpanId = "";
  traceState = "";
  flags = 0;
  name = "";
  kind = 0;
  startTimeUnixNano = 0n;
  endTimeUnixNano = 0n;
  attributes = NO_ATTRIBUTES;
  droppedAttributesCount = 0;
  events: TimedEvent[] | undefined;
  droppedEventsCount = 0;
  links: SpanLink[] | undefined;
  droppedLinksCount = 0;
  badLinks = 0;
  readonly status = { code: 0 as 0 | 1 | 2, message: "" };

  addEvent(event: TimedEvent): void {
    if (this.events === undefined) this.events = [event];
    else this.events.push(event);
  }
}

class ProtobufDecoder {
  readonly spans: OtlpSpan[] = [];
  readonly #buffer: SlicingBuffer;
  readonly #view: DataView;
  readonly #report: DecodeReport;
  readonly #path: SpanPath = { resource: -1, scope: -1, span: -1 };
  readonly #maxItems: number;
  readonly #repeats: RowRepeats;
  readonly #largeBytes: number;
  readonly #encoder: SpanEncoder<unknown> | undefined;
  #encodes = false;
  #pos = 0;
  #items = 0;
  #inSpan = false;
  #stepEnd = STEP_BYTES;

  constructor(
    bytes: Uint8Array,
    { maxItems, repeats }: DecodeLimits,
    report: DecodeReport,
    encoder: SpanEncoder<unknown> | undefined,
    largeBytes: number,
  ) {
    this.#largeBytes = largeBytes;
    this.#encoder = encoder;
    this.#buffer = slicingBuffer(bytes);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#maxItems = maxItems;
    this.#repeats = new RowRepeats(repeats, this.#path);
    this.#report = report;
  }

  *readRequest(): Steps<void> {
    const end = this.#buffer.length;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) yield* this.#readResourceSpans(this.#readEnd(end));
      else yield* this.#skipInSteps(t, end);
      if (this.#endsStep()) yield;
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
    const sizes: GroupSizes = { resourceBytes: 0, scopeBytes: 0 };
    let repeated = 0;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      const fieldStart = this.#pos;
      switch (t) {
        case tag(1, BYTES): {
          const resourceEnd = this.#readEnd(end);
          if (this.#isLarge(resourceEnd)) yield* this.#readLargeResource(resource, resourceEnd);
          else this.#readResource(resource, resourceEnd);
          sizes.resourceBytes += this.#pos - fieldStart;
          break;
        }
        case tag(2, BYTES):
          if (this.#encoder === undefined)
            repeated += yield* this.#readScopeSpans(resource, sizes, this.#readEnd(end));
          else this.#skip(t, end, 0);
          break;
        case tag(3, BYTES):
          resource.schemaUrl = this.#readString(end);
          sizes.resourceBytes += this.#pos - fieldStart;
          break;
        default:
          yield* this.#skipInSteps(t, end);
      }
      if (this.#endsStep()) yield;
    }
    if (this.#encoder === undefined) {
      this.#repeats.addRows(repeated, sizes, sizes.resourceBytes);
      return;
    }
    this.#goBack(start);
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(2, BYTES)) yield* this.#readScopeSpans(resource, sizes, this.#readEnd(end));
      else yield* this.#skipInSteps(t, end);
      if (this.#endsStep()) yield;
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

  /** Gives how many spans it has besides the first. */
  *#readScopeSpans(resource: Resource, { resourceBytes }: GroupSizes, end: number): Steps<number> {
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
    const sizes: GroupSizes = { resourceBytes, scopeBytes: 0 };
    while (this.#pos < end) {
      const t = this.#readTag(end);
      const fieldStart = this.#pos;
      switch (t) {
        case tag(1, BYTES): {
          const scopeEnd = this.#readEnd(end);
          if (this.#isLarge(scopeEnd)) yield* this.#readLargeScope(scope, scopeEnd);
          else this.#readScope(scope, scopeEnd);
          sizes.scopeBytes += this.#pos - fieldStart;
          break;
        }
        case tag(2, BYTES):
          if (this.#encoder !== undefined) this.#skip(t, end, 0);
          else {
            const spanEnd = this.#readEnd(end);
            if (!this.#readSpanOf(resource, scope, spanEnd))
              yield* this.#readLargeSpanOf(resource, scope, spanEnd);
          }
          break;
        case tag(3, BYTES):
          scope.schemaUrl = this.#readString(end);
          sizes.scopeBytes += this.#pos - fieldStart;
          break;
        default:
          yield* this.#skipInSteps(t, end);
      }
      if (this.#endsStep()) yield;
    }
    if (this.#encoder === undefined) {
      this.#repeats.addRows(path.span, sizes, sizes.scopeBytes);
      return path.span;
    }
    const repeats = this.#repeats;
    repeats.isOpen = false;
    this.#encodes = this.#encoder.startGroup(resource, scope);
    this.#goBack(start);
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t !== tag(2, BYTES)) yield* this.#skipInSteps(t, end);
      else {
        const spanEnd = this.#readEnd(end);
        if (repeats.isOpen) repeats.addRow();
        else yield* this.#openGroup(sizes);
        this.#stepEnd -= repeats.rowBytes >>> COPIED_IN_A_STEP;
        if (!this.#readSpanOf(resource, scope, spanEnd))
          yield* this.#readLargeSpanOf(resource, scope, spanEnd);
      }
      if (this.#endsStep()) yield;
    }
    return path.span;
  }

  /** Before the first span of a group, and before each whose row repeats much. */
  *#openGroup(sizes: GroupSizes): Steps<void> {
    const repeats = this.#repeats;
    const isFirst = this.#path.span < 0;
    if (!isFirst) repeats.addRow();
    const opened = this.#encodes ? this.#encoder?.openGroup?.() : undefined;
    const rowBytes = opened === undefined ? sizes.resourceBytes + sizes.scopeBytes : yield* opened;
    if (isFirst) repeats.open(sizes, rowBytes);
  }

  /** To read the same bytes again, in steps again. */
  #goBack(start: number): void {
    this.#pos = start;
    this.#stepEnd = Math.min(this.#stepEnd, start + STEP_BYTES);
  }

  #isLarge(end: number): boolean {
    return end - this.#pos > this.#largeBytes;
  }

  /**
   * Reads a large message in steps: a message is the merge of its parts. `merge` reads the fields up to a place into the
   * message. `large` reads a large field that is a message itself; undefined where it is none.
   */
  *#inSteps(
    end: number,
    merge: (end: number) => void,
    large: (t: number, end: number) => Steps<void> | undefined,
  ): Steps<void> {
    let from = this.#pos;
    const mergeUpTo = (place: number, next: number): void => {
      this.#pos = from;
      merge(place);
      this.#pos = next;
      from = next;
    };
    while (this.#pos < end) {
      const fieldStart = this.#pos;
      const t = this.#readTag(end);
      if ((t & 7) === START_GROUP) {
        mergeUpTo(fieldStart, this.#pos);
        yield* this.#skipInSteps(t, end);
        from = this.#pos;
      } else if ((t & 7) === BYTES) {
        const fieldEnd = this.#readEnd(end);
        if (this.#isLarge(fieldEnd)) {
          // What comes before it is merged before it.
          mergeUpTo(fieldStart, this.#pos);
          const steps = large(t, fieldEnd);
          if (steps === undefined) {
            from = fieldStart;
            this.#pos = fieldEnd;
          } else {
            yield* steps;
            from = this.#pos;
          }
        } else this.#pos = fieldEnd;
      } else this.#skip(t, end, 0);
      if (this.#pos - from < LARGE_STEP_BYTES) continue;
      mergeUpTo(this.#pos, this.#pos);
      yield;
    }
    mergeUpTo(end, end);
  }

  *#readLargeSpanOf(resource: Resource, scope: Scope, end: number): Steps<void> {
    const start = this.#pos;
    const span = new SpanFields();
    this.#inSpan = true;
    try {
      yield* this.#inSteps(
        end,
        (part) => this.#mergeSpan(span, part),
        (t, fieldEnd) => {
          switch (t) {
            case tag(9, BYTES):
              return this.#readLargeSpanAttribute(span, fieldEnd);
            case tag(11, BYTES):
              return this.#readLargeEvent(span, fieldEnd);
            case tag(13, BYTES):
              return this.#readLargeLink(span, fieldEnd);
            case tag(15, BYTES):
              return this.#inSteps(fieldEnd, (part) => this.#readStatus(span.status, part), noMessage);
            default:
              return undefined;
          }
        },
      );
      const read = this.#endSpan(span, resource, scope);
      if (read !== undefined && this.#encodes && this.#encoder?.addLargeSpan !== undefined)
        yield* this.#encoder.addLargeSpan(read);
      else this.#give(read);
    } catch (error) {
      if (!(error instanceof SpanTooDeep)) throw error;
      const named = new SpanFields();
      this.#pos = start;
      yield* this.#inSteps(end, (part) => this.#mergeSpanName(named, part), noMessage);
      this.#rejectTooDeep(named);
    } finally {
      this.#inSpan = false;
    }
  }

  #readLargeSpanAttribute(span: SpanFields, end: number): Steps<void> {
    const attributes = owned(span.attributes);
    span.attributes = attributes;
    return this.#readLargeKeyValue(attributes, end, 0);
  }

  #readLargeResource(resource: Mutable<Resource>, end: number): Steps<void> {
    return this.#inSteps(
      end,
      (part) => this.#readResource(resource, part),
      (t, fieldEnd) => {
        if (t !== tag(1, BYTES)) return undefined;
        const attributes = owned(resource.attributes);
        resource.attributes = attributes;
        return this.#readLargeKeyValue(attributes, fieldEnd, 0);
      },
    );
  }

  #readLargeScope(scope: Mutable<Scope>, end: number): Steps<void> {
    return this.#inSteps(
      end,
      (part) => this.#readScope(scope, part),
      (t, fieldEnd) => {
        if (t !== tag(3, BYTES)) return undefined;
        const attributes = owned(scope.attributes);
        scope.attributes = attributes;
        return this.#readLargeKeyValue(attributes, fieldEnd, 0);
      },
    );
  }

  *#readLargeEvent(span: SpanFields, end: number): Steps<void> {
    const event = this.#newEvent();
    yield* this.#inSteps(
      end,
      (part) => this.#mergeEvent(event, part),
      (t, fieldEnd) => {
        if (t !== tag(3, BYTES)) return undefined;
        const attributes = owned(event.attributes);
        event.attributes = attributes;
        return this.#readLargeKeyValue(attributes, fieldEnd, 0);
      },
    );
    span.addEvent(event);
  }

  *#readLargeLink(span: SpanFields, end: number): Steps<void> {
    const link = this.#newLink();
    yield* this.#inSteps(
      end,
      (part) => this.#mergeLink(link, part),
      (t, fieldEnd) => {
        if (t !== tag(4, BYTES)) return undefined;
        const attributes = owned(link.attributes);
        link.attributes = attributes;
        return this.#readLargeKeyValue(attributes, fieldEnd, 0);
      },
    );
    this.#endLink(span, link);
  }

  *#readLargeKeyValue(map: Map<string, AttributeValue>, end: number, depth: number): Steps<void> {
    this.#countItem();
    const entry: Entry = { key: "", value: null };
    yield* this.#inSteps(
      end,
      (part) => this.#mergeKeyValue(entry, part, depth),
      (t, fieldEnd) => (t === tag(2, BYTES) ? this.#readLargeAnyValue(entry, fieldEnd, depth) : undefined),
    );
    map.set(entry.key, entry.value);
  }

  #readLargeAnyValue(holder: { value: AttributeValue }, end: number, depth: number): Steps<void> {
    return this.#inSteps(
      end,
      (part) => {
        holder.value = this.#readAnyValue(holder.value, part, depth);
      },
      (t, fieldEnd) => {
        if (t === tag(5, BYTES)) {
          const values = this.#listIn(holder.value, depth);
          holder.value = values;
          return this.#inSteps(
            fieldEnd,
            (part) => this.#readArray(values, part, depth + 1),
            (member, memberEnd) =>
              member === tag(1, BYTES) ? this.#readLargeElement(values, memberEnd, depth + 1) : undefined,
          );
        }
        if (t !== tag(6, BYTES)) return undefined;
        const entries = owned(this.#mapIn(holder.value, depth));
        holder.value = entries;
        return this.#inSteps(
          fieldEnd,
          (part) => this.#readKeyValueList(entries, part, depth + 1),
          (member, memberEnd) =>
            member === tag(1, BYTES) ? this.#readLargeKeyValue(entries, memberEnd, depth + 1) : undefined,
        );
      },
    );
  }

  *#readLargeElement(values: AttributeValue[], end: number, depth: number): Steps<void> {
    this.#countItem();
    const element: { value: AttributeValue } = { value: null };
    yield* this.#readLargeAnyValue(element, end, depth);
    values.push(element.value);
  }

  #endsStep(): boolean {
    if (this.#pos < this.#stepEnd) return false;
    this.#stepEnd = this.#pos + STEP_BYTES;
    return true;
  }

  /** False, and nothing read, for one that is to be read in steps. */
  #readSpanOf(resource: Resource, scope: Scope, end: number): boolean {
    this.#path.span++;
    this.#report.startSpan();
    this.#countItem();
    if (this.#encodes && this.#encodeSpan(end)) return true;
    if (this.#isLarge(end)) return false;
    const start = this.#pos;
    const span = new SpanFields();
    this.#inSpan = true;
    try {
      this.#mergeSpan(span, end);
      this.#give(this.#endSpan(span, resource, scope));
    } catch (error) {
      if (!(error instanceof SpanTooDeep)) throw error;
      // Only the ids and the name are still wanted: read the span again, skipping everything else.
      this.#pos = start;
      const named = new SpanFields();
      this.#mergeSpanName(named, end);
      this.#rejectTooDeep(named);
    }
    this.#inSpan = false;
    return true;
  }

  #encodeSpan(end: number): boolean {
    const maxItems = Math.min(this.#maxItems - this.#items, MAX_ENCODED_ITEMS);
    const items = this.#encoder?.addEncoded(this.#buffer, this.#pos, end, maxItems) ?? -1;
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

  #mergeSpan(span: SpanFields, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          span.traceId = this.#readHex(end);
          break;
        case tag(2, BYTES):
          span.spanId = this.#readHex(end);
          break;
        case tag(3, BYTES):
          span.traceState = this.#readString(end);
          break;
        case tag(4, BYTES):
          span.parentSpanId = this.#readHex(end);
          break;
        case tag(5, BYTES):
          span.name = this.#readString(end);
          break;
        case tag(6, VARINT):
          span.kind = this.#readUint32(end) | 0;
          break;
        case tag(7, FIXED64):
          span.startTimeUnixNano = this.#readFixed64(end);
          break;
        case tag(8, FIXED64):
          span.endTimeUnixNano = this.#readFixed64(end);
          break;
        case tag(9, BYTES):
          span.attributes = this.#readAttribute(span.attributes, this.#readEnd(end));
          break;
        case tag(10, VARINT):
          span.droppedAttributesCount = this.#readUint32(end);
          break;
        case tag(11, BYTES): {
          const event = this.#newEvent();
          this.#mergeEvent(event, this.#readEnd(end));
          span.addEvent(event);
          break;
        }
        case tag(12, VARINT):
          span.droppedEventsCount = this.#readUint32(end);
          break;
        case tag(13, BYTES): {
          const link = this.#newLink();
          this.#mergeLink(link, this.#readEnd(end));
          this.#endLink(span, link);
          break;
        }
        case tag(14, VARINT):
          span.droppedLinksCount = this.#readUint32(end);
          break;
        case tag(15, BYTES):
          this.#readStatus(span.status, this.#readEnd(end));
          break;
        case tag(16, FIXED32):
          span.flags = this.#readFixed32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
  }

  #endSpan(fields: SpanFields, resource: Resource, scope: Scope): OtlpSpan | undefined {
    const { traceId, spanId, name, badLinks } = fields;
    const parentSpanId = fields.parentSpanId === ZERO_SPAN_ID ? "" : fields.parentSpanId;
    const problem = idProblem(traceId, spanId, parentSpanId);
    if (problem !== undefined) {
      this.#report.reject(this.#path, name, traceId, spanId, problem);
      return undefined;
    }
    const span: OtlpSpan = {
      traceId,
      spanId,
      parentSpanId,
      traceState: fields.traceState,
      flags: fields.flags,
      name,
      kind: fields.kind,
      startTimeUnixNano: fields.startTimeUnixNano,
      endTimeUnixNano: fields.endTimeUnixNano,
      attributes: fields.attributes,
      droppedAttributesCount: fields.droppedAttributesCount,
      events: fields.events ?? NO_EVENTS,
      droppedEventsCount: fields.droppedEventsCount,
      links: fields.links ?? NO_LINKS,
      droppedLinksCount:
        badLinks === 0 ? fields.droppedLinksCount : addUint32(fields.droppedLinksCount, badLinks),
      status: fields.status,
      resource,
      scope,
    };
    return span;
  }

  #give(span: OtlpSpan | undefined): void {
    if (span === undefined) return;
    if (this.#encodes) this.#encoder?.addSpan(span);
    else this.spans.push(span);
  }

  #mergeSpanName(span: SpanFields, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) span.traceId = this.#readHex(end);
      else if (t === tag(2, BYTES)) span.spanId = this.#readHex(end);
      else if (t === tag(5, BYTES)) span.name = this.#readString(end);
      else this.#skip(t, end, 0);
    }
  }

  #rejectTooDeep({ name, traceId, spanId }: SpanFields): void {
    const reason = `an attribute nests values deeper than ${MAX_VALUE_DEPTH} levels`;
    this.#report.reject(this.#path, name, traceId, spanId, reason);
  }

  #newEvent(): Mutable<TimedEvent> {
    this.#countItem();
    return { timeUnixNano: 0n, name: "", attributes: NO_ATTRIBUTES, droppedAttributesCount: 0 };
  }

  #mergeEvent(event: Mutable<TimedEvent>, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, FIXED64):
          event.timeUnixNano = this.#readFixed64(end);
          break;
        case tag(2, BYTES):
          event.name = this.#readString(end);
          break;
        case tag(3, BYTES):
          event.attributes = this.#readAttribute(event.attributes, this.#readEnd(end));
          break;
        case tag(4, VARINT):
          event.droppedAttributesCount = this.#readUint32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
  }

  #newLink(): Mutable<SpanLink> {
    this.#countItem();
    return {
      traceId: "",
      spanId: "",
      traceState: "",
      attributes: NO_ATTRIBUTES,
      droppedAttributesCount: 0,
      flags: 0,
    };
  }

  #mergeLink(link: Mutable<SpanLink>, end: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          link.traceId = this.#readHex(end);
          break;
        case tag(2, BYTES):
          link.spanId = this.#readHex(end);
          break;
        case tag(3, BYTES):
          link.traceState = this.#readString(end);
          break;
        case tag(4, BYTES):
          link.attributes = this.#readAttribute(link.attributes, this.#readEnd(end));
          break;
        case tag(5, VARINT):
          link.droppedAttributesCount = this.#readUint32(end);
          break;
        case tag(6, FIXED32):
          link.flags = this.#readFixed32(end);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
  }

  /** Adds the link, unless its ids are wrong. */
  #endLink(span: SpanFields, link: Mutable<SpanLink>): void {
    const problem = linkProblem(link.traceId, link.spanId);
    if (problem !== undefined) {
      this.#report.warn(this.#path, `a link was dropped: its ${problem}`);
      span.badLinks++;
      return;
    }
    if (link.traceId === "") link.traceId = ZERO_TRACE_ID;
    if (link.spanId === "") link.spanId = ZERO_SPAN_ID;
    if (span.links === undefined) span.links = [link];
    else span.links.push(link);
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
    const map = owned(attributes);
    this.#readKeyValue(map, end, 0);
    return map;
  }

  #readKeyValue(map: Map<string, AttributeValue>, end: number, depth: number): void {
    this.#countItem();
    const entry: Entry = { key: "", value: null };
    this.#mergeKeyValue(entry, end, depth);
    map.set(entry.key, entry.value);
  }

  #mergeKeyValue(entry: Entry, end: number, depth: number): void {
    while (this.#pos < end) {
      const t = this.#readTag(end);
      switch (t) {
        case tag(1, BYTES):
          entry.key = this.#readString(end);
          break;
        case tag(2, BYTES):
          entry.value = this.#readAnyValue(entry.value, this.#readEnd(end), depth);
          break;
        default:
          this.#skip(t, end, 0);
      }
    }
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
          const values = this.#listIn(value, depth);
          value = values;
          this.#readArray(values, valuesEnd, depth + 1);
          break;
        }
        case tag(6, BYTES): {
          const entriesEnd = this.#readEnd(end);
          value = this.#readKeyValueList(this.#mapIn(value, depth), entriesEnd, depth + 1);
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

  /** The list that a value already is, or a new one. */
  #listIn(value: AttributeValue, depth: number): AttributeValue[] {
    if (depth >= MAX_VALUE_DEPTH) this.#tooDeep();
    return Array.isArray(value) ? (value as AttributeValue[]) : [];
  }

  /** The map that a value already is, or the shared empty one: an empty map takes a hundred times its bytes. */
  #mapIn(value: AttributeValue, depth: number): Attributes {
    if (depth >= MAX_VALUE_DEPTH) this.#tooDeep();
    return value instanceof Map ? (value as Attributes) : NO_ATTRIBUTES;
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

  #readKeyValueList(before: Attributes, end: number, depth: number): Attributes {
    let entries = before;
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t === tag(1, BYTES)) {
        const map = owned(entries);
        this.#readKeyValue(map, this.#readEnd(end), depth);
        entries = map;
      } else this.#skip(t, end, 0);
    }
    return entries;
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

  /** A field outside of spans; only a group takes more than one step. */
  *#skipInSteps(t: number, end: number): Steps<void> {
    if ((t & 7) !== START_GROUP) {
      this.#skip(t, end, 0);
      return;
    }
    const open = [t];
    for (;;) {
      if (this.#endsStep()) yield;
      const start = open.at(-1) as number;
      if (this.#pos >= end) this.#unendedGroup(start);
      const inner = this.#readTag(end);
      if ((inner & 7) === START_GROUP) {
        if (open.length >= MAX_GROUP_DEPTH) this.#tooDeepGroup();
        open.push(inner);
      } else if (inner >>> 0 === groupEnd(start)) {
        open.pop();
        if (open.length === 0) return;
      } else this.#skip(inner, end, 0);
    }
  }

  #skipGroup(start: number, end: number, depth: number): void {
    if (depth >= MAX_GROUP_DEPTH) this.#tooDeepGroup();
    const closing = groupEnd(start);
    while (this.#pos < end) {
      const t = this.#readTag(end);
      if (t >>> 0 === closing) return;
      this.#skip(t, end, depth + 1);
    }
    this.#unendedGroup(start);
  }

  #tooDeepGroup(): never {
    this.#fail("invalid_group", this.#pos, `groups nest deeper than ${MAX_GROUP_DEPTH} levels`);
  }

  #unendedGroup(start: number): never {
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

/** The tag that ends the group which this tag starts. */
function groupEnd(start: number): number {
  return ((start & ~7) | END_GROUP) >>> 0;
}

/** The map, or a new one instead of the shared empty one. */
function owned(attributes: Attributes): Map<string, AttributeValue> {
  return attributes === NO_ATTRIBUTES ? new Map() : (attributes as Map<string, AttributeValue>);
}

function noMessage(): undefined {
  return undefined;
}

function addUint32(a: number, b: number): number {
  return Math.min(a + b, 0xffffffff);
}
