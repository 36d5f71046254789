import { OtlpDecodeError } from "./decodeError.js";
import { clip, type DecodeReport, type SpanPath } from "./decodeReport.js";
import type { Steps } from "./decodeTurns.js";
import { countJsonContainers, exactNumberText, parseExactJson } from "./exactJson.js";
import { indexJson, type JsonRange, type ResourceSpansIndex } from "./jsonIndex.js";
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

const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** An escape that may be half of a surrogate pair. */
const HALF_SURROGATE = /\\u[dD][89a-fA-F]/;

/** A field that does not hold what it must; refuses its span, or the request when it is outside of any span. */
class InvalidField extends Error {}

/**
 * Reads an ExportTraceServiceRequest in OTLP's JSON encoding.
 *
 * With an encoder it is not parsed as a whole: its spans are looked for, given to the encoder as bytes, and parsed where
 * that leaves them. So of several faults of a request another may be the first.
 */
export function* decodeJson(
  bytes: Uint8Array,
  maxItems: number,
  report: DecodeReport,
  encoder?: SpanEncoder<unknown>,
): Steps<OtlpSpan[]> {
  return yield* new JsonDecoder(maxItems, report, encoder).decode(bytes);
}

class JsonDecoder {
  readonly #spans: OtlpSpan[] = [];
  readonly #report: DecodeReport;
  readonly #maxItems: number;
  readonly #encoder: SpanEncoder<unknown> | undefined;
  #encodes = false;
  #items = 0;
  #reads = 0;
  /** Whether strings may hold halves of surrogate pairs, which UTF-8 cannot store. */
  #repairStrings = false;

  constructor(maxItems: number, report: DecodeReport, encoder: SpanEncoder<unknown> | undefined) {
    this.#maxItems = maxItems;
    this.#report = report;
    this.#encoder = encoder;
  }

  *decode(bytes: Uint8Array): Steps<OtlpSpan[]> {
    const path: SpanPath = { resource: -1, scope: -1, span: -1 };
    try {
      const index = this.#encoder === undefined ? undefined : yield* indexJson(bytes, this.#maxItems);
      if (index !== undefined) yield* this.#readIndexed(bytes, index, path);
      else {
        const request = this.#parse(bytes);
        // Parsing cannot be interrupted; at least nothing follows it in the same step.
        yield;
        yield* this.#readRequest(asObject(request, "the request"), path);
      }
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      const where = path.resource < 0 ? "" : ` at resourceSpans[${path.resource}]`;
      const scope = path.scope < 0 ? "" : `.scopeSpans[${path.scope}]`;
      throw new OtlpDecodeError("invalid_value", `Malformed OTLP JSON${where}${scope}: ${error.message}.`);
    }
    return this.#spans;
  }

  #parse(bytes: Uint8Array): unknown {
    let text: string;
    try {
      // Replaces invalid UTF-8 by U+FFFD and drops a byte order mark.
      text = new TextDecoder().decode(bytes);
    } catch (cause) {
      throw new OtlpDecodeError(
        "invalid_json",
        "Malformed OTLP JSON: the text is too long to read.",
        undefined,
        {
          cause,
        },
      );
    }
    // Only a body of more bytes than items can hold too many; others need no count before they are parsed.
    if (text.length > this.#maxItems && countJsonContainers(text) > this.#maxItems) this.#tooManyItems();
    this.#repairStrings = HALF_SURROGATE.test(text);
    try {
      return parseExactJson(text);
    } catch (cause) {
      const problem = text.trim() === "" ? "the body is empty" : clip((cause as Error).message, 200);
      throw new OtlpDecodeError("invalid_json", `Malformed OTLP JSON: ${problem}.`, undefined, { cause });
    }
  }

  *#readIndexed(bytes: Uint8Array, index: readonly ResourceSpansIndex[], path: SpanPath): Steps<void> {
    const decoder = new TextDecoder();
    const textOf = ({ start, end }: JsonRange) => decoder.decode(bytes.subarray(start, end));
    const parse = (text: string): unknown => {
      this.#repairStrings = HALF_SURROGATE.test(text);
      // Exact numbers are told by what is before them.
      const [value] = parseExactJson(`[${text}]`) as readonly unknown[];
      return value;
    };
    const parseMembers = (ranges: Readonly<Record<string, JsonRange | undefined>>): JsonObject => {
      const members = Object.entries(ranges).flatMap(([name, range]) =>
        range === undefined ? [] : `"${name}":${textOf(range)}`,
      );
      return asObject(parse(`{${members.join()}}`), "the request");
    };
    for (const { resource: resourceRange, schemaUrl, scopes } of index) {
      path.resource++;
      path.scope = -1;
      if (this.#endsStep()) yield;
      const resource = this.#resource(parseMembers({ resource: resourceRange, schemaUrl }));
      for (const { scope: scopeRange, schemaUrl, spans } of scopes) {
        path.scope++;
        path.span = -1;
        if (this.#endsStep()) yield;
        const scope = this.#scope(parseMembers({ scope: scopeRange, schemaUrl }));
        this.#startGroup(resource, scope);
        for (let i = 0; i < spans.length; i += 2) {
          const [start, end] = [spans[i] as number, spans[i + 1] as number];
          path.span++;
          this.#report.startSpan();
          this.#countItem();
          if (!this.#encodes || !this.#encodeSpan(bytes, start, end))
            this.#readSpanOf(resource, scope, parse(textOf({ start, end })), path);
          if (this.#endsStep()) yield;
        }
      }
    }
  }

  #encodeSpan(bytes: Uint8Array, start: number, end: number): boolean {
    const items = this.#encoder?.addEncodedJson(bytes, start, end, this.#maxItems - this.#items) ?? -1;
    if (items < 0) return false;
    this.#items += items;
    return true;
  }

  #startGroup(resource: Resource, scope: Scope): void {
    this.#encodes = this.#encoder?.startGroup(resource, scope) ?? false;
  }

  #endsStep(): boolean {
    return ++this.#reads % STEP_READS === 0;
  }

  *#readRequest(request: JsonObject, path: SpanPath): Steps<void> {
    for (const resourceSpans of list(request, "resourceSpans", "resource_spans")) {
      path.resource++;
      path.scope = -1;
      yield* this.#readResourceSpans(asObject(resourceSpans, "resourceSpans"), path);
    }
  }

  *#readResourceSpans(resourceSpans: JsonObject, path: SpanPath): Steps<void> {
    if (this.#endsStep()) yield;
    const resource = this.#resource(resourceSpans);
    for (const scopeSpans of list(resourceSpans, "scopeSpans", "scope_spans")) {
      path.scope++;
      path.span = -1;
      yield* this.#readScopeSpans(resource, asObject(scopeSpans, "scopeSpans"), path);
    }
  }

  *#readScopeSpans(resource: Resource, scopeSpans: JsonObject, path: SpanPath): Steps<void> {
    if (this.#endsStep()) yield;
    const scope = this.#scope(scopeSpans);
    this.#startGroup(resource, scope);
    for (const span of list(scopeSpans, "spans", "spans")) {
      path.span++;
      this.#report.startSpan();
      this.#countItem();
      this.#readSpanOf(resource, scope, span, path);
      if (this.#endsStep()) yield;
    }
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
      this.#readSpan(resource, scope, asObject(span, "the span"), path);
    } catch (error) {
      if (!(error instanceof InvalidField)) throw error;
      const fields = (typeof span === "object" && span !== null ? span : {}) as JsonObject;
      const text = (camel: string, snake: string): string => {
        const value = field(fields, camel, snake);
        return typeof value === "string" ? value : "";
      };
      this.#report.reject(
        path,
        text("name", "name"),
        text("traceId", "trace_id"),
        text("spanId", "span_id"),
        error.message,
      );
    }
  }

  #readSpan(resource: Resource, scope: Scope, span: JsonObject, path: SpanPath): void {
    const traceId = hexId(span, "traceId", "trace_id");
    const spanId = hexId(span, "spanId", "span_id");
    const parent = hexId(span, "parentSpanId", "parent_span_id");
    const parentSpanId = parent === ZERO_SPAN_ID ? "" : parent;
    const problem = idProblem(traceId, spanId, parentSpanId);
    if (problem !== undefined) throw new InvalidField(problem);

    const eventList = list(span, "events", "events");
    const linkList = list(span, "links", "links");
    let badLinks = 0;
    let links = NO_LINKS;
    if (linkList.length > 0) {
      const kept: SpanLink[] = [];
      for (const link of linkList) {
        const read = this.#link(asObject(link, "links"), path);
        if (read === undefined) badLinks++;
        else kept.push(read);
      }
      links = kept.length === 0 ? NO_LINKS : kept;
    }
    const statusField = object(span, "status", "status");
    const droppedLinksCount = uint32(span, "droppedLinksCount", "dropped_links_count");
    const read: OtlpSpan = {
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
      events:
        eventList.length === 0 ? NO_EVENTS : eventList.map((event) => this.#event(asObject(event, "events"))),
      droppedEventsCount: uint32(span, "droppedEventsCount", "dropped_events_count"),
      links,
      droppedLinksCount:
        badLinks === 0 ? droppedLinksCount : Math.min(droppedLinksCount + badLinks, 0xffffffff),
      status: {
        code: statusCode(enumeration(statusField, "code", STATUS_CODES)),
        message: this.#string(statusField, "message", "message"),
      },
      resource,
      scope,
    };
    if (this.#encodes) this.#encoder?.addSpan(read);
    else this.#spans.push(read);
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
        const values: AttributeValue[] = [];
        for (const element of list(asObject(member, "arrayValue"), "values", "values")) {
          this.#countItem();
          values.push(element === null ? null : this.#anyValue(asObject(element, "values"), depth + 1));
        }
        return values;
      }
      case "kvlistValue":
      case "kvlist_value": {
        this.#checkDepth(depth);
        const entries = new Map<string, AttributeValue>();
        for (const entry of list(asObject(member, "kvlistValue"), "values", "values")) {
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
