import { OtlpDecodeError } from "./decodeError.js";
import { clip, type DecodeReport, type SpanPath } from "./decodeReport.js";
import type { Steps } from "./decodeTurns.js";
import { exactNumberText, parseExactJson } from "./exactJson.js";
import { indexJson, type RequestIndex, TooManyGroups, WrongJson } from "./jsonIndex.js";
import {
  END_OF_OBJECT,
  type JsonRange,
  JsonScanner,
  JsonSyntaxError,
  MemberNames,
  OPEN_LIST,
  OPEN_OBJECT,
  UNKNOWN_MEMBER,
} from "./jsonScanner.js";
import { type DecodeLimits, type GroupSizes, RowRepeats } from "./rowRepeats.js";
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

type JsonObject = Readonly<Record<string, unknown>>;

const SPAN_KINDS = [
  "SPAN_KIND_UNSPECIFIED",
  "SPAN_KIND_INTERNAL",
  "SPAN_KIND_SERVER",
  "SPAN_KIND_CLIENT",
  "SPAN_KIND_PRODUCER",
  "SPAN_KIND_CONSUMER",
] as const;
const STATUS_CODES = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"] as const;

/** Spans, and groups of them, read in one step: less than a millisecond's work. */
const STEP_READS = 64;
/** A step ends after so many bytes of them. */
const STEP_BYTES = 64 * 1024;
/** Values of more bytes are not parsed at once, but member by member and element by element. */
const LARGE_BYTES = 16 * 1024;
/** Bytes of such a value that are read in one step. */
const LARGE_STEP_BYTES = 16 * 1024;
/** Copying bytes of a resource into a row takes less than an eighth of decoding them. */
const COPIED_IN_A_STEP = 3;
/** Events, links, attributes and list members that an encoder takes of one span in one step. */
const MAX_ENCODED_ITEMS = 4_096;

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** An escape that may be half of a surrogate pair. */
const HALF_SURROGATE = /\\u[dD][89a-fA-F]/;

/** A field that does not hold what it must; refuses its span, or the request when it is outside of any span. */
class InvalidField extends Error {}

/** What the elements of a large list have become already. */
class Built {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** A list whose elements are made something of at once: those of a kvlist are its entries. */
type ListName = "attributes" | "events" | "links" | "values" | "entries";

/** The members that are known of a large object; a list that may be large has a name, an object a shape of its own. */
interface Shape {
  readonly names: MemberNames;
  readonly members: Readonly<Record<string, ListName | Shape | undefined>>;
}

function shape(texts: string, members: Shape["members"] = {}): Shape {
  return { names: new MemberNames(...texts.split(" "), ...Object.keys(members)), members };
}

const DROPPED = "droppedAttributesCount dropped_attributes_count";
const LIST_VALUE = shape("", { values: "values" });
const MAP_VALUE = shape("", { values: "entries" });
const ANY_VALUE = shape(
  "stringValue string_value boolValue bool_value intValue int_value doubleValue double_value bytesValue bytes_value",
  { arrayValue: LIST_VALUE, array_value: LIST_VALUE, kvlistValue: MAP_VALUE, kvlist_value: MAP_VALUE },
);
const KEY_VALUE = shape("key", { value: ANY_VALUE });
const RESOURCE = shape(DROPPED, { attributes: "attributes" });
const SCOPE = shape(`name version ${DROPPED}`, { attributes: "attributes" });
const EVENT = shape(`timeUnixNano time_unix_nano name ${DROPPED}`, { attributes: "attributes" });
const LINK = shape(`traceId trace_id spanId span_id traceState trace_state flags ${DROPPED}`, {
  attributes: "attributes",
});
const SPAN_NAMES = shape("name traceId trace_id spanId span_id");
const SPAN = shape(
  `name traceId trace_id spanId span_id parentSpanId parent_span_id traceState trace_state flags kind ${DROPPED} ` +
    "startTimeUnixNano start_time_unix_nano endTimeUnixNano end_time_unix_nano " +
    "droppedEventsCount dropped_events_count droppedLinksCount dropped_links_count",
  { attributes: "attributes", events: "events", links: "links", status: shape("code message") },
);
const elementShapes: Readonly<Record<ListName, Shape>> = {
  attributes: KEY_VALUE,
  entries: KEY_VALUE,
  values: ANY_VALUE,
  events: EVENT,
  links: LINK,
};

function sizeOf(range: JsonRange | undefined): number {
  return range === undefined ? 0 : range.end - range.start;
}

function emptyOf(bracket: number | undefined): unknown {
  return bracket === OPEN_LIST ? [] : {};
}

/**
 * Reads an ExportTraceServiceRequest in OTLP's JSON encoding.
 *
 * It is not parsed as a whole: its spans are looked for, given to the encoder as bytes if there is one, and parsed where that
 * leaves them. Members that OTLP does not know are skipped, a large span is read in steps, and only known values take memory.
 */
export function* decodeJson(
  bytes: Uint8Array,
  limits: DecodeLimits,
  report: DecodeReport,
  encoder?: SpanEncoder<unknown>,
  largeBytes = LARGE_BYTES,
): Steps<OtlpSpan[]> {
  return yield* new JsonDecoder(limits, report, encoder, largeBytes).decode(bytes);
}

class JsonDecoder {
  readonly #spans: OtlpSpan[] = [];
  readonly #report: DecodeReport;
  readonly #maxItems: number;
  readonly #limits: DecodeLimits;
  readonly #largeBytes: number;
  readonly #encoder: SpanEncoder<unknown> | undefined;
  #encodes = false;
  readonly #decoder = new TextDecoder();
  #bytes: Uint8Array = new Uint8Array();
  #path: SpanPath = { resource: -1, scope: -1, span: -1 };
  #items = 0;
  #reads = 0;
  #stepBytes = 0;
  /** Whether strings may hold halves of surrogate pairs, which UTF-8 cannot store. */
  #repairStrings = false;

  constructor(
    limits: DecodeLimits,
    report: DecodeReport,
    encoder: SpanEncoder<unknown> | undefined,
    largeBytes: number,
  ) {
    this.#largeBytes = largeBytes;
    this.#maxItems = limits.maxItems;
    this.#limits = limits;
    this.#report = report;
    this.#encoder = encoder;
  }

  *decode(bytes: Uint8Array): Steps<OtlpSpan[]> {
    const path: SpanPath = { resource: -1, scope: -1, span: -1 };
    this.#bytes = bytes;
    try {
      yield* this.#readRequest(yield* indexJson(bytes, this.#maxItems), path);
    } catch (error) {
      if (error instanceof TooManyGroups) this.#tooManyItems();
      if (error instanceof JsonSyntaxError)
        throw new OtlpDecodeError("invalid_json", `Malformed OTLP JSON: ${error.message}.`, undefined, {
          cause: error,
        });
      if (!(error instanceof InvalidField)) throw error;
      const where = path.resource < 0 ? "" : ` at resourceSpans[${path.resource}]`;
      const scope = path.scope < 0 ? "" : `.scopeSpans[${path.scope}]`;
      throw new OtlpDecodeError("invalid_value", `Malformed OTLP JSON${where}${scope}: ${error.message}.`);
    }
    return this.#spans;
  }

  *#readRequest(index: RequestIndex, path: SpanPath): Steps<void> {
    const repeats = new RowRepeats(this.#limits.repeats, path);
    for (const resourceSpans of this.#checked(index)) {
      path.resource++;
      path.scope = -1;
      if (this.#endsStep(0)) yield;
      const { resource: resourceRange, schemaUrl, scopes } = this.#checked(resourceSpans);
      const resource = this.#resource({
        resource: yield* this.#read(resourceRange, RESOURCE),
        schemaUrl: yield* this.#read(schemaUrl, undefined),
      });
      const resourceBytes = sizeOf(resourceRange) + sizeOf(schemaUrl);
      for (const scopeSpans of this.#checked(scopes)) {
        path.scope++;
        path.span = -1;
        if (this.#endsStep(0)) yield;
        const { scope: scopeRange, schemaUrl, spans } = this.#checked(scopeSpans);
        const scope = this.#scope({
          scope: yield* this.#read(scopeRange, SCOPE),
          schemaUrl: yield* this.#read(schemaUrl, undefined),
        });
        this.#startGroup(resource, scope);
        repeats.isOpen = false;
        const ranges = this.#checked(spans);
        for (let i = 0; i < ranges.length; i += 2) {
          const [start, end] = [ranges[i] as number, ranges[i + 1] as number];
          if (repeats.isOpen) repeats.addRow();
          else {
            const scopeBytes = sizeOf(scopeRange) + sizeOf(schemaUrl);
            yield* this.#openGroup(repeats, { resourceBytes, scopeBytes }, path);
          }
          path.span++;
          this.#report.startSpan();
          this.#countItem();
          if (!this.#encodes || !this.#encodeSpan(start, end)) {
            if (end - start > this.#largeBytes)
              yield* this.#readLargeSpanOf(resource, scope, { start, end }, path);
            else this.#readSpanOf(resource, scope, this.#parse(start, end), path);
          }
          if (this.#endsStep(end - start + (repeats.rowBytes >>> COPIED_IN_A_STEP))) yield;
        }
      }
    }
  }

  /** Before the first span of a group, and before each whose row repeats much. */
  *#openGroup(repeats: RowRepeats, sizes: GroupSizes, path: SpanPath): Steps<void> {
    const isFirst = path.span < 0;
    if (!isFirst) repeats.addRow();
    const opened = this.#encodes ? this.#encoder?.openGroup?.() : undefined;
    const rowBytes = opened === undefined ? sizes.resourceBytes + sizes.scopeBytes : yield* opened;
    if (isFirst) repeats.open(sizes, rowBytes);
  }

  /** @throws InvalidField for what is not of the type it must be */
  #checked<T>(value: T | WrongJson): T {
    if (!(value instanceof WrongJson)) return value;
    const { name, wanted, range } = value;
    const { start, end } = range;
    const isContainer = this.#bytes[start] === OPEN_OBJECT || this.#bytes[start] === OPEN_LIST;
    throw wrongType(
      name,
      wanted,
      isContainer ? emptyOf(this.#bytes[start]) : JSON.parse(this.#slice(start, end)),
    );
  }

  #slice(start: number, end: number): string {
    // Replaces invalid UTF-8 by U+FFFD.
    return this.#decoder.decode(this.#bytes.subarray(start, end));
  }

  /** What is parsed is JSON: the index has gone through it. */
  #parse(start: number, end: number): unknown {
    const text = this.#slice(start, end);
    this.#repairStrings ||= HALF_SURROGATE.test(text);
    // Exact numbers are told by what is before them.
    const [value] = parseExactJson(`[${text}]`) as readonly unknown[];
    return value;
  }

  *#read(range: JsonRange | undefined, shape: Shape | undefined): Steps<unknown> {
    if (range === undefined) return undefined;
    const { start, end } = range;
    if (end - start <= this.#largeBytes) return this.#parse(start, end);
    const scanner = new JsonScanner(this.#bytes, range, LARGE_STEP_BYTES);
    return yield* this.#readLarge(scanner, shape, 0);
  }

  /** A large value that begins at the scanner: an object of this shape has its known members, others are as they are. */
  *#readLarge(scanner: JsonScanner, shape: Shape | undefined, depth: number): Steps<unknown> {
    const first = yield* scanner.next();
    if (first === OPEN_OBJECT && shape !== undefined) {
      const read: Record<string, unknown> = {};
      yield* this.#readMembers(scanner, shape, depth, read);
      return read;
    }
    const { start, end } = yield* scanner.range();
    // What should be a text or a number, and is none, need not be built to say so.
    return first === OPEN_OBJECT || first === OPEN_LIST ? emptyOf(first) : this.#parse(start, end);
  }

  *#readMembers(
    scanner: JsonScanner,
    shape: Shape,
    depth: number,
    read: Record<string, unknown>,
  ): Steps<void> {
    scanner.enter();
    for (let isFirst = true; ; isFirst = false) {
      const place = yield* scanner.member(shape.names, isFirst);
      if (place === END_OF_OBJECT) return;
      const first = yield* scanner.next();
      const start = scanner.position;
      if (place === UNKNOWN_MEMBER) {
        if (!scanner.skipWithin(this.#largeBytes)) yield* scanner.skip();
      } else {
        const name = shape.names.texts[place] as string;
        const member = shape.members[name];
        if (scanner.skipWithin(this.#largeBytes)) read[name] = this.#parse(start, scanner.position);
        else if (first === OPEN_LIST && typeof member === "string")
          read[name] = new Built(yield* this.#readList(scanner, member, depth));
        else
          read[name] = yield* this.#readLarge(
            scanner,
            typeof member === "object" ? member : undefined,
            depth,
          );
      }
      if (scanner.endsStep()) yield;
    }
  }

  /** Makes of each element at once what it becomes. */
  *#readList(scanner: JsonScanner, list: ListName, depth: number): Steps<unknown> {
    const shape = elementShapes[list];
    const attributes = new Map<string, AttributeValue>();
    const items: unknown[] = [];
    if (list === "entries" || list === "values") this.#checkDepth(depth);
    scanner.enter();
    for (let isFirst = true; yield* scanner.element(isFirst); isFirst = false) {
      yield* scanner.next();
      const start = scanner.position;
      const element = scanner.skipWithin(this.#largeBytes)
        ? this.#parse(start, scanner.position)
        : yield* this.#readLarge(scanner, shape, list === "attributes" ? depth : depth + 1);
      switch (list) {
        case "attributes":
          this.#keyValue(attributes, asObject(element, "attributes"), depth);
          break;
        case "entries":
          this.#keyValue(attributes, asObject(element, "values"), depth + 1);
          break;
        case "values":
          this.#countItem();
          items.push(element === null ? null : this.#anyValue(asObject(element, "values"), depth + 1));
          break;
        case "events":
          items.push(this.#event(asObject(element, "events")));
          break;
        default:
          items.push(this.#link(asObject(element, "links"), this.#path));
      }
      if (scanner.endsStep()) yield;
    }
    return list === "attributes" || list === "entries" ? attributes : items;
  }

  *#readLargeSpanOf(resource: Resource, scope: Scope, range: JsonRange, path: SpanPath): Steps<void> {
    this.#path = path;
    const span: Record<string, unknown> = {};
    try {
      if (this.#bytes[range.start] !== OPEN_OBJECT) asObject(emptyOf(OPEN_LIST), "the span");
      yield* this.#readMembers(new JsonScanner(this.#bytes, range, LARGE_STEP_BYTES), SPAN, 0, span);
      const read = this.#readSpan(resource, scope, span, path);
      if (this.#encodes && this.#encoder?.addLargeSpan !== undefined) yield* this.#encoder.addLargeSpan(read);
      else this.#give(read);
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      const named: Record<string, unknown> = {};
      if (this.#bytes[range.start] === OPEN_OBJECT)
        yield* this.#readMembers(new JsonScanner(this.#bytes, range, LARGE_STEP_BYTES), SPAN_NAMES, 0, named);
      this.#reject(named, path, error.message);
    }
  }

  #encodeSpan(start: number, end: number): boolean {
    const maxItems = Math.min(this.#maxItems - this.#items, MAX_ENCODED_ITEMS);
    const items = this.#encoder?.addEncodedJson(this.#bytes, start, end, maxItems) ?? -1;
    if (items < 0) return false;
    this.#items += items;
    return true;
  }

  #startGroup(resource: Resource, scope: Scope): void {
    this.#encodes = this.#encoder?.startGroup(resource, scope) ?? false;
  }

  #endsStep(bytes: number): boolean {
    this.#stepBytes += bytes;
    if (++this.#reads % STEP_READS !== 0 && this.#stepBytes < STEP_BYTES) return false;
    this.#stepBytes = 0;
    return true;
  }

  #resource(resourceSpans: JsonObject): Resource {
    const resource = object(resourceSpans, "resource", "resource");
    return {
      attributes: this.#attributes(resource),
      droppedAttributesCount: uint32(resource, "droppedAttributesCount", "dropped_attributes_count"),
      schemaUrl: this.#string(resourceSpans, "schemaUrl", "schema_url"),
    };
  }

  #scope(scopeSpans: JsonObject): Scope {
    const scope = object(scopeSpans, "scope", "scope");
    return {
      name: this.#string(scope, "name", "name"),
      version: this.#string(scope, "version", "version"),
      attributes: this.#attributes(scope),
      droppedAttributesCount: uint32(scope, "droppedAttributesCount", "dropped_attributes_count"),
      schemaUrl: this.#string(scopeSpans, "schemaUrl", "schema_url"),
    };
  }

  #readSpanOf(resource: Resource, scope: Scope, span: unknown, path: SpanPath): void {
    try {
      this.#give(this.#readSpan(resource, scope, asObject(span, "the span"), path));
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      this.#reject(
        (typeof span === "object" && span !== null ? span : {}) as JsonObject,
        path,
        error.message,
      );
    }
  }

  #reject(span: JsonObject, path: SpanPath, reason: string): void {
    const text = (camel: string, snake: string): string => {
      const value = field(span, camel, snake);
      return typeof value === "string" ? value : "";
    };
    const [traceId, spanId] = [text("traceId", "trace_id"), text("spanId", "span_id")];
    this.#report.reject(path, text("name", "name"), traceId, spanId, reason);
  }

  #readSpan(resource: Resource, scope: Scope, span: JsonObject, path: SpanPath): OtlpSpan {
    const traceId = hexId(span, "traceId", "trace_id");
    const spanId = hexId(span, "spanId", "span_id");
    const parent = hexId(span, "parentSpanId", "parent_span_id");
    const parentSpanId = parent === ZERO_SPAN_ID ? "" : parent;
    const problem = idProblem(traceId, spanId, parentSpanId);
    if (problem !== undefined) throw new InvalidField(problem);

    const events =
      span.events instanceof Built
        ? (span.events.value as readonly TimedEvent[])
        : list(span, "events", "events").map((event) => this.#event(asObject(event, "events")));
    const read =
      span.links instanceof Built
        ? (span.links.value as readonly (SpanLink | undefined)[])
        : list(span, "links", "links").map((link) => this.#link(asObject(link, "links"), path));
    const links = read.filter((link) => link !== undefined);
    const badLinks = read.length - links.length;
    const statusField = object(span, "status", "status");
    const droppedLinksCount = uint32(span, "droppedLinksCount", "dropped_links_count");
    const made: OtlpSpan = {
      traceId,
      spanId,
      parentSpanId,
      traceState: this.#string(span, "traceState", "trace_state"),
      flags: uint32(span, "flags", "flags"),
      name: this.#string(span, "name", "name"),
      kind: enumeration(span, "kind", SPAN_KINDS),
      startTimeUnixNano: uint64(span, "startTimeUnixNano", "start_time_unix_nano"),
      endTimeUnixNano: uint64(span, "endTimeUnixNano", "end_time_unix_nano"),
      attributes: this.#attributes(span),
      droppedAttributesCount: uint32(span, "droppedAttributesCount", "dropped_attributes_count"),
      events: events.length === 0 ? NO_EVENTS : events,
      droppedEventsCount: uint32(span, "droppedEventsCount", "dropped_events_count"),
      links: links.length === 0 ? NO_LINKS : links,
      droppedLinksCount:
        badLinks === 0 ? droppedLinksCount : Math.min(droppedLinksCount + badLinks, 0xffffffff),
      status: {
        code: statusCode(enumeration(statusField, "code", STATUS_CODES)),
        message: this.#string(statusField, "message", "message"),
      },
      resource,
      scope,
    };
    return made;
  }

  #give(span: OtlpSpan): void {
    if (this.#encodes) this.#encoder?.addSpan(span);
    else this.#spans.push(span);
  }

  #event(event: JsonObject): TimedEvent {
    this.#countItem();
    return {
      timeUnixNano: uint64(event, "timeUnixNano", "time_unix_nano"),
      name: this.#string(event, "name", "name"),
      attributes: this.#attributes(event),
      droppedAttributesCount: uint32(event, "droppedAttributesCount", "dropped_attributes_count"),
    };
  }

  #link(link: JsonObject, path: SpanPath): SpanLink | undefined {
    this.#countItem();
    const read = {
      traceState: this.#string(link, "traceState", "trace_state"),
      attributes: this.#attributes(link),
      droppedAttributesCount: uint32(link, "droppedAttributesCount", "dropped_attributes_count"),
      flags: uint32(link, "flags", "flags"),
    };
    let traceId: string;
    let spanId: string;
    try {
      traceId = hexId(link, "traceId", "trace_id");
      spanId = hexId(link, "spanId", "span_id");
      const problem = linkProblem(traceId, spanId);
      if (problem !== undefined) throw new InvalidField(problem);
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      this.#report.warn(path, `a link was dropped: its ${error.message}`);
      return undefined;
    }
    return {
      traceId: traceId === "" ? ZERO_TRACE_ID : traceId,
      spanId: spanId === "" ? ZERO_SPAN_ID : spanId,
      ...read,
    };
  }

  #attributes(holder: JsonObject): Attributes {
    if (holder.attributes instanceof Built) return holder.attributes.value as Attributes;
    const entries = list(holder, "attributes", "attributes");
    if (entries.length === 0) return NO_ATTRIBUTES;
    const attributes = new Map<string, AttributeValue>();
    for (const entry of entries) this.#keyValue(attributes, asObject(entry, "attributes"), 0);
    return attributes;
  }

  #keyValue(map: Map<string, AttributeValue>, entry: JsonObject, depth: number): void {
    this.#countItem();
    const key = this.#string(entry, "key", "key");
    const value = entry.value;
    if (value === undefined || value === null) {
      map.set(key, null);
      return;
    }
    try {
      map.set(key, this.#anyValue(asObject(value, "value"), depth));
    } catch (error) {
      // One level is enough to find it, and an error of a deep value must not carry a hundred keys.
      if (!(error instanceof InvalidField) || depth > 0) throw error;
      throw new InvalidField(`attribute ${JSON.stringify(clip(key, 100))}: ${error.message}`);
    }
  }

  #anyValue(value: JsonObject, depth: number): AttributeValue {
    // What is set is one member of seven: looking at what is there beats asking for each under both of its names.
    let result: AttributeValue | undefined;
    for (const name in value) {
      const member = value[name];
      if (member === null || member === undefined) continue;
      const read = this.#valueMember(name, member, depth);
      if (read === undefined) continue;
      if (result !== undefined)
        throw new InvalidField("a value holds more than one of stringValue, boolValue, …");
      result = read;
    }
    return result ?? null;
  }

  /** One member of AnyValue's oneof; undefined for a field that we do not know. */
  #valueMember(name: string, member: unknown, depth: number): AttributeValue | undefined {
    switch (name) {
      case "stringValue":
      case "string_value":
        return this.#text(member, "stringValue");
      case "boolValue":
      case "bool_value":
        if (typeof member !== "boolean") throw wrongType("boolValue", "true or false", member);
        return member;
      case "intValue":
      case "int_value":
        return integer(member, "intValue", INT64_MIN, INT64_MAX);
      case "doubleValue":
      case "double_value":
        return double(member);
      case "bytesValue":
      case "bytes_value":
        return base64(member);
      case "arrayValue":
      case "array_value": {
        this.#checkDepth(depth);
        const holder = asObject(member, "arrayValue");
        if (holder.values instanceof Built) return holder.values.value as readonly AttributeValue[];
        const values: AttributeValue[] = [];
        for (const element of list(holder, "values", "values")) {
          this.#countItem();
          values.push(element === null ? null : this.#anyValue(asObject(element, "values"), depth + 1));
        }
        return values;
      }
      case "kvlistValue":
      case "kvlist_value": {
        this.#checkDepth(depth);
        const holder = asObject(member, "kvlistValue");
        if (holder.values instanceof Built) return holder.values.value as Attributes;
        const members = list(holder, "values", "values");
        if (members.length === 0) return NO_ATTRIBUTES;
        const entries = new Map<string, AttributeValue>();
        for (const entry of members) {
          this.#keyValue(entries, asObject(entry, "values"), depth + 1);
        }
        return entries;
      }
      default:
        return undefined;
    }
  }

  #checkDepth(depth: number): void {
    if (depth >= MAX_VALUE_DEPTH) {
      throw new InvalidField(`an attribute nests values deeper than ${MAX_VALUE_DEPTH} levels`);
    }
  }

  #string(holder: JsonObject, camel: string, snake: string): string {
    const value = field(holder, camel, snake);
    return value === undefined ? "" : this.#text(value, camel);
  }

  #text(value: unknown, name: string): string {
    if (typeof value !== "string") throw wrongType(name, "a string", value);
    return this.#repairStrings ? value.toWellFormed() : value;
  }

  #countItem(): void {
    if (++this.#items > this.#maxItems) this.#tooManyItems();
  }

  #tooManyItems(): never {
    throw new OtlpDecodeError(
      "too_many_items",
      `Malformed OTLP JSON: more than ${this.#maxItems} spans, events, links and values in one request; send smaller batches.`,
    );
  }
}

const EMPTY_OBJECT: JsonObject = Object.freeze({});
const EMPTY_LIST: readonly unknown[] = Object.freeze([]);

/** A field under its JSON name or its name in the .proto file; null is the same as missing. */
function field(holder: JsonObject, camel: string, snake: string): unknown {
  const value = holder[camel];
  if (value !== undefined && value !== null) return value;
  return camel === snake ? undefined : (holder[snake] ?? undefined);
}

function asObject(value: unknown, name: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrongType(name, "an object", value);
  if (exactNumberText(value) !== undefined) throw wrongType(name, "an object", 0);
  return value as JsonObject;
}

function object(holder: JsonObject, camel: string, snake: string): JsonObject {
  const value = field(holder, camel, snake);
  return value === undefined ? EMPTY_OBJECT : asObject(value, camel);
}

function list(holder: JsonObject, camel: string, snake: string): readonly unknown[] {
  const value = field(holder, camel, snake);
  if (value === undefined) return EMPTY_LIST;
  if (!Array.isArray(value)) throw wrongType(camel, "an array", value);
  return value;
}

const HEX = /^[0-9a-fA-F]*$/;

function hexId(holder: JsonObject, camel: string, snake: string): string {
  const value = field(holder, camel, snake);
  if (value === undefined) return "";
  if (typeof value !== "string") throw wrongType(camel, "a hex string", value);
  if (value.length % 2 !== 0 || value.length > 1024 || !HEX.test(value)) {
    throw new InvalidField(
      `${camel} must be hex digits, two per byte, not ${JSON.stringify(clip(value, 64))}`,
    );
  }
  return value.toLowerCase();
}

function uint64(holder: JsonObject, camel: string, snake: string): bigint {
  const value = field(holder, camel, snake);
  return value === undefined ? 0n : integer(value, camel, 0n, UINT64_MAX);
}

function uint32(holder: JsonObject, camel: string, snake: string): number {
  const value = field(holder, camel, snake);
  if (value === undefined) return 0;
  if (typeof value === "number" && value === value >>> 0) return value >>> 0;
  return Number(integer(value, camel, 0n, 0xffffffffn));
}

function enumeration(holder: JsonObject, name: string, names: readonly string[]): number {
  const value = field(holder, name, name);
  if (value === undefined) return 0;
  if (typeof value === "number" && value === (value | 0)) return value | 0;
  const index = typeof value === "string" ? names.indexOf(value) : -1;
  if (index >= 0) return index;
  throw wrongType(name, `an integer or one of ${names.join(", ")}`, value);
}

function integer(value: unknown, name: string, min: bigint, max: bigint): bigint {
  let result: bigint | undefined;
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) result = BigInt(value);
    // A short number such as 1.8e19 is exact as the integer its digits spell.
    else result = integerOfText(String(value));
  } else if (typeof value === "string") result = integerOfText(value);
  else if (typeof value === "object" && value !== null) result = integerOfText(exactNumberText(value) ?? "");
  if (result === undefined) throw wrongType(name, "an integer, as number or string", value);
  if (result < min || result > max)
    throw new InvalidField(`${name} is ${clip(String(result), 64)}, not in ${min} to ${max}`);
  return result;
}

const INTEGER = /^-?\d{1,40}$/;
const DECIMAL = /^(-?)(\d{1,40})(?:\.(\d{0,400}))?(?:[eE]([+-]?\d{1,3}))?$/;

function integerOfText(text: string): bigint | undefined {
  if (INTEGER.test(text)) return BigInt(text);
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const fraction = match[3] ?? "";
  const shift = Number(match[4] ?? "0") - fraction.length;
  const digits = BigInt(`${match[2]}${fraction}`);
  const scale = 10n ** BigInt(Math.abs(shift));
  if (shift < 0 && digits % scale !== 0n) return undefined;
  const magnitude = shift < 0 ? digits / scale : digits * scale;
  return match[1] === "-" ? -magnitude : magnitude;
}

const NUMBER = /^-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?$/;

function double(value: unknown): number {
  let text: string | undefined;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new InvalidField("doubleValue is beyond the range of a double");
  }
  if (typeof value === "string") {
    if (value === "NaN") return Number.NaN;
    if (value === "Infinity") return Number.POSITIVE_INFINITY;
    if (value === "-Infinity") return Number.NEGATIVE_INFINITY;
    text = value;
  } else if (typeof value === "object" && value !== null) text = exactNumberText(value);
  if (text === undefined || !NUMBER.test(text)) {
    throw wrongType("doubleValue", 'a number, "NaN", "Infinity" or "-Infinity"', value);
  }
  const number = Number(text);
  if (!Number.isFinite(number)) throw new InvalidField("doubleValue is beyond the range of a double");
  return number;
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

function base64(value: unknown): Uint8Array {
  if (typeof value !== "string") throw wrongType("bytesValue", "a base64 string", value);
  const digits = value.endsWith("==")
    ? value.length - 2
    : value.endsWith("=")
      ? value.length - 1
      : value.length;
  if (digits % 4 === 1 || !BASE64.test(value)) throw new InvalidField("bytesValue is not base64");
  return new Uint8Array(Buffer.from(value, "base64"));
}

function wrongType(name: string, wanted: string, value: unknown): InvalidField {
  const found =
    value === null
      ? "null"
      : Array.isArray(value)
        ? "an array"
        : typeof value === "object"
          ? "an object"
          : clip(JSON.stringify(value) ?? "nothing", 64);
  return new InvalidField(`${name} must be ${wanted}, not ${found}`);
}
