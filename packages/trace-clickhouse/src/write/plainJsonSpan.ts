import { isUtf8 } from "node:buffer";
import { type LowCardinalityColumn, NativeBytes } from "@es/store-clickhouse";
import { isPlainJson, type PlainAttributes } from "../columns/plainAttributes.js";
import { PlainSpanRow, written } from "../columns/plainSpanRow.js";
import { spanKinds, statusCodes } from "../columns/spanRow.js";
import { NO_REQUEST, RequestReader } from "./requestReader.js";
import type { SpanBlock } from "./spanBlock.js";
import type { SpanGroup } from "./spanGroup.js";

const NOT_PLAIN = -1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** More digits than this may not be exact as a number. */
const SAFE_DIGITS = 15;

/** By byte: the lowercase hex digit it is, or 0. */
const hexDigit = new Uint8Array(256);
/** By byte: its value as a hex digit. */
const hexValue = new Uint8Array(256);
for (const [value, digit] of [..."0123456789abcdef"].entries()) {
  for (const spelling of [digit, digit.toUpperCase()]) {
    hexDigit[spelling.charCodeAt(0)] = digit.charCodeAt(0);
    hexValue[spelling.charCodeAt(0)] = value;
  }
}
/** By the byte behind a backslash: what both stand for, but for `u`. */
const escaped = new Uint8Array(256);
for (const [name, text] of Object.entries({ b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }))
  escaped[name.charCodeAt(0)] = text.charCodeAt(0);
for (const same of '"\\/') escaped[same.charCodeAt(0)] = same.charCodeAt(0);

/** The members an object of OTLP may have. */
class Members {
  readonly #names: readonly Uint8Array[];

  constructor(...names: readonly string[]) {
    this.#names = names.map((name) => new Uint8Array(Buffer.from(name)));
  }

  /** The place of a name; -1 if there is none. `likely` is the place to look at first. */
  find(source: Uint8Array, start: number, end: number, likely: number): number {
    const names = this.#names;
    let place = likely;
    for (let tried = 0; tried < names.length; tried++) {
      if (place >= names.length) place = 0;
      if (isSame(names[place] as Uint8Array, source, start, end)) return place;
      place++;
    }
    return NOT_PLAIN;
  }
}

function isSame(text: Uint8Array, source: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text[i] !== source[start + i]) return false;
  return true;
}

const spanMembers = new Members(
  "traceId",
  "spanId",
  "parentSpanId",
  "traceState",
  "name",
  "kind",
  "startTimeUnixNano",
  "endTimeUnixNano",
  "attributes",
  "droppedAttributesCount",
  "events",
  "droppedEventsCount",
  "status",
  "links",
  "droppedLinksCount",
  "flags",
);
const eventMembers = new Members("timeUnixNano", "name", "attributes", "droppedAttributesCount");
const statusMembers = new Members("code", "message");
const valueMembers = new Members("stringValue", "intValue", "doubleValue", "boolValue", "arrayValue");
const KEY = new Members("key");
const VALUE = new Members("value");
const VALUES = new Members("values");
const STRING_VALUE = new Members("stringValue");

/**
 * `PlainSpanWriter` for spans in JSON. Whatever is not simple it leaves to the decoder: also names in the spelling of the
 * .proto files, null, names instead of numbers, and numbers in another notation than exporters use.
 */
export class PlainJsonSpanWriter extends RequestReader {
  readonly #row = new PlainSpanRow();
  /** A list, as JSON. */
  readonly #list = new NativeBytes();
  #source: Uint8Array = NO_REQUEST;
  #buffer: Buffer = Buffer.alloc(0);
  #pos = 0;
  #items = 0;
  #maxItems = 0;
  /** Of the last string, without its quotes. */
  #start = 0;
  #end = 0;
  #hasEscapes = false;
  /** Halves of the last 64-bit integer. */
  #low = 0;
  #high = 0;

  /** Bytes held for what may come, about. */
  get capacity(): number {
    return this.#row.capacity + this.#list.bytes.length;
  }

  protected override read(request: Uint8Array): void {
    this.#source = new Uint8Array(request.buffer, request.byteOffset, request.byteLength);
    this.#buffer = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  }

  /**
   * How many events, attributes and list members the span has that is the JSON from `start` to `end`; -1, and nothing written, if
   * it is not plain. It has been seen to be JSON.
   */
  write(block: SpanBlock, group: SpanGroup, start: number, end: number, maxItems: number): number {
    block.beginSpan();
    this.#items = 0;
    this.#maxItems = maxItems;
    this.#pos = start;
    if (this.#span(block, group) && this.#pos === end) return this.#items;
    block.takeBack();
    return NOT_PLAIN;
  }

  #span(block: SpanBlock, group: SpanGroup): boolean {
    const row = this.#row;
    row.begin(block);
    let seen = 0;
    let member = NOT_PLAIN;
    if (!this.#takes(OPEN_OBJECT)) return false;
    if (this.#takes(CLOSE_OBJECT)) return false;
    do {
      member = this.#member(spanMembers, member + 1);
      if (member < 0 || (seen & (1 << member)) !== 0) return false;
      seen |= 1 << member;
      switch (member) {
        case 0:
          if (!this.#id(block.traceIds, 32)) return false;
          row.written |= written.traceId;
          break;
        case 1:
          if (!this.#id(block.spanIds, 16)) return false;
          row.written |= written.spanId;
          break;
        case 2:
          if (!this.#string()) return false;
          // Without a parent, or all zeros: a root.
          if (this.#start === this.#end || isZeros(this.#source, this.#start, this.#end)) {
            if (this.#start !== this.#end && this.#end - this.#start !== 16) return false;
            block.parentSpanIds.byte(0);
          } else if (!this.#hex(block.parentSpanIds, 16)) return false;
          row.written |= written.parentSpanId;
          break;
        case 3:
          if (!this.#text(block.traceStates)) return false;
          row.written |= written.traceState;
          break;
        case 4:
          if (!this.#name(block.names)) return false;
          row.written |= written.name;
          break;
        case 5:
          row.kind = this.#uint32();
          if (row.kind < 0 || row.kind >= spanKinds.length) return false;
          break;
        case 6:
          if (!this.#nanos()) return false;
          row.startLow = this.#low;
          row.startHigh = this.#high;
          break;
        case 7:
          if (!this.#nanos()) return false;
          row.endLow = this.#low;
          row.endHigh = this.#high;
          break;
        case 8:
          if (!this.#attributes(row.attributes)) return false;
          break;
        case 9:
          row.droppedAttributes = this.#uint32();
          if (row.droppedAttributes < 0) return false;
          break;
        case 10:
          if (!this.#events(block)) return false;
          break;
        case 11:
          row.droppedEvents = this.#uint32();
          if (row.droppedEvents < 0) return false;
          break;
        case 12:
          if (!this.#status(block)) return false;
          break;
        case 13:
          if (!this.#takes(OPEN_LIST) || !this.#takes(CLOSE_LIST)) return false;
          break;
        case 14:
          row.droppedLinks = this.#uint32();
          if (row.droppedLinks < 0) return false;
          break;
        default:
          row.flags = this.#uint32();
          if (row.flags < 0) return false;
      }
    } while (this.#continues());
    return this.#takes(CLOSE_OBJECT) && row.finish(block, group);
  }

  #status(block: SpanBlock): boolean {
    const row = this.#row;
    let seen = 0;
    let member = NOT_PLAIN;
    if (!this.#takes(OPEN_OBJECT)) return false;
    if (this.#takes(CLOSE_OBJECT)) return true;
    do {
      member = this.#member(statusMembers, member + 1);
      if (member < 0 || (seen & (1 << member)) !== 0) return false;
      seen |= 1 << member;
      if (member === 0) {
        row.status = this.#uint32();
        if (row.status < 0 || row.status >= statusCodes.length) return false;
      } else {
        if (!this.#text(block.statusMessages)) return false;
        row.written |= written.statusMessage;
      }
    } while (this.#continues());
    return this.#takes(CLOSE_OBJECT);
  }

  #events(block: SpanBlock): boolean {
    if (!this.#takes(OPEN_LIST)) return false;
    if (this.#takes(CLOSE_LIST)) return true;
    do {
      if (!this.#event(block)) return false;
    } while (this.#continues());
    return this.#takes(CLOSE_LIST);
  }

  #event(block: SpanBlock): boolean {
    const row = this.#row;
    let seen = 0;
    let dropped = 0;
    let member = NOT_PLAIN;
    if (++this.#items > this.#maxItems) return false;
    row.beginEvent(block);
    if (!this.#takes(OPEN_OBJECT)) return false;
    if (this.#takes(CLOSE_OBJECT)) return false;
    do {
      member = this.#member(eventMembers, member + 1);
      if (member < 0 || (seen & (1 << member)) !== 0) return false;
      seen |= 1 << member;
      switch (member) {
        case 0:
          if (!this.#nanos() || this.#high >= 0x80000000) return false;
          block.eventTimes.uint64(this.#low, this.#high);
          break;
        case 1:
          if (!this.#name(block.eventNames)) return false;
          break;
        case 2:
          if (!this.#attributes(row.eventAttributes)) return false;
          break;
        default:
          dropped = this.#uint32();
          if (dropped < 0) return false;
      }
    } while (this.#continues());
    if ((seen & 1) === 0) block.eventTimes.uint64(0, 0);
    if ((seen & 2) === 0) block.eventNames.push(0);
    row.endEvent(block, dropped);
    return this.#takes(CLOSE_OBJECT);
  }

  #attributes(attributes: PlainAttributes): boolean {
    if (!this.#takes(OPEN_LIST)) return false;
    if (this.#takes(CLOSE_LIST)) return true;
    do {
      if (!this.#attribute(attributes)) return false;
    } while (this.#continues());
    return this.#takes(CLOSE_LIST);
  }

  /** A key and a value, once each and in this order. */
  #attribute(attributes: PlainAttributes): boolean {
    if (++this.#items > this.#maxItems) return false;
    if (!this.#takes(OPEN_OBJECT) || this.#member(KEY, 0) < 0) return false;
    if (!this.#string() || this.#hasEscapes) return false;
    const values = attributes.key(this.#source, this.#start, this.#end);
    if (values === undefined) return false;
    if (!this.#continues() || this.#member(VALUE, 0) < 0 || !this.#takes(OPEN_OBJECT)) return false;
    switch (this.#member(valueMembers, 0)) {
      case 0:
        if (!this.#text(values)) return false;
        break;
      case 1: {
        const digits = this.#int();
        if (digits === undefined || !attributes.int(values, digits)) return false;
        break;
      }
      case 2:
        if (!attributes.double(values, this.#double())) return false;
        break;
      case 3: {
        this.#skipBlanks();
        const value = this.#source[this.#pos] === 0x74;
        if (!value && this.#source[this.#pos] !== 0x66) return false;
        this.#pos += value ? 4 : 5;
        if (!attributes.boolean(values, value)) return false;
        break;
      }
      case 4:
        if (!this.#texts() || !attributes.list(values, this.#list)) return false;
        break;
      default:
        return false;
    }
    return this.#takes(CLOSE_OBJECT) && this.#takes(CLOSE_OBJECT);
  }

  /** A list of texts that JSON has as they are. */
  #texts(): boolean {
    const source = this.#source;
    const out = this.#list;
    out.length = 0;
    out.byte(OPEN_LIST);
    if (!this.#takes(OPEN_OBJECT) || this.#member(VALUES, 0) < 0 || !this.#takes(OPEN_LIST)) return false;
    if (!this.#takes(CLOSE_LIST)) {
      do {
        if (++this.#items > this.#maxItems) return false;
        if (!this.#takes(OPEN_OBJECT) || this.#member(STRING_VALUE, 0) < 0) return false;
        if (!this.#string() || !isPlainJson(source, this.#start, this.#end)) return false;
        if (!isUtf8(source.subarray(this.#start, this.#end))) return false;
        if (out.length > 1) out.byte(COMMA);
        out.byte(QUOTE);
        out.raw(source, this.#start, this.#end);
        out.byte(QUOTE);
        if (!this.#takes(CLOSE_OBJECT)) return false;
      } while (this.#continues());
      if (!this.#takes(CLOSE_LIST)) return false;
    }
    out.byte(CLOSE_LIST);
    return this.#takes(CLOSE_OBJECT);
  }

  #skipBlanks(): void {
    while ((this.#source[this.#pos] as number) <= 0x20) this.#pos++;
  }

  #takes(byte: number): boolean {
    this.#skipBlanks();
    if (this.#source[this.#pos] !== byte) return false;
    this.#pos++;
    return true;
  }

  #continues(): boolean {
    return this.#takes(COMMA);
  }

  /** Which member begins, up to its value; -1 for others. */
  #member(members: Members, likely: number): number {
    if (!this.#string()) return NOT_PLAIN;
    const member = members.find(this.#source, this.#start, this.#end, likely);
    return this.#takes(COLON) ? member : NOT_PLAIN;
  }

  #string(): boolean {
    this.#skipBlanks();
    const source = this.#source;
    let at = this.#pos;
    if (source[at++] !== QUOTE) return false;
    this.#start = at;
    let hasEscapes = false;
    while (at < source.length) {
      const byte = source[at] as number;
      if (byte === QUOTE) {
        this.#hasEscapes = hasEscapes;
        this.#end = at;
        this.#pos = at + 1;
        return true;
      }
      if (byte === BACKSLASH) {
        hasEscapes = true;
        at += 2;
      } else at++;
    }
    return false;
  }

  #text(column: NativeBytes): boolean {
    if (!this.#string()) return false;
    return this.#hasEscapes ? this.#unescape(column) : column.utf8(this.#source, this.#start, this.#end);
  }

  #name(column: LowCardinalityColumn): boolean {
    if (!this.#string() || this.#hasEscapes) return false;
    const key = column.key(this.#source, this.#start, this.#end);
    if (key < 0) return false;
    column.push(key);
    return true;
  }

  /** The last string as a text. False, and nothing written, for half of a surrogate pair and what is not UTF-8. */
  #unescape(column: NativeBytes): boolean {
    const source = this.#source;
    const end = this.#end;
    // No text is longer than its spelling.
    column.reserve(end - this.#start + 5);
    const { bytes } = column;
    const begin = column.length + varintSize(end - this.#start);
    let to = begin;
    let all = 0;
    for (let at = this.#start; at < end; ) {
      const byte = source[at++] as number;
      if (byte !== BACKSLASH) {
        all |= byte;
        bytes[to++] = byte;
        continue;
      }
      const name = source[at++] as number;
      if (name !== 0x75) {
        bytes[to++] = escaped[name] as number;
        continue;
      }
      let code = this.#hex4(at);
      at += 4;
      if (code >= 0xd800 && code < 0xe000) {
        if (code >= 0xdc00 || source[at] !== BACKSLASH || source[at + 1] !== 0x75) return false;
        const second = this.#hex4(at + 2);
        if (second < 0xdc00 || second >= 0xe000) return false;
        at += 6;
        code = 0x10000 + ((code - 0xd800) << 10) + (second - 0xdc00);
      }
      if (code < 0x80) bytes[to++] = code;
      else {
        if (code < 0x800) bytes[to++] = 0xc0 | (code >> 6);
        else {
          if (code < 0x10000) bytes[to++] = 0xe0 | (code >> 12);
          else {
            bytes[to++] = 0xf0 | (code >> 18);
            bytes[to++] = 0x80 | ((code >> 12) & 0x3f);
          }
          bytes[to++] = 0x80 | ((code >> 6) & 0x3f);
        }
        bytes[to++] = 0x80 | (code & 0x3f);
      }
    }
    if (all >= 0x80 && !isUtf8(source.subarray(this.#start, end))) return false;
    const size = to - begin;
    const text = column.length + varintSize(size);
    if (text !== begin) bytes.copyWithin(text, begin, to);
    column.varint(size);
    column.length += size;
    return true;
  }

  #hex4(at: number): number {
    const source = this.#source;
    return (
      ((hexValue[source[at] as number] as number) << 12) |
      ((hexValue[source[at + 1] as number] as number) << 8) |
      ((hexValue[source[at + 2] as number] as number) << 4) |
      (hexValue[source[at + 3] as number] as number)
    );
  }

  /** An id that is not all zeros. */
  #id(column: NativeBytes, digits: number): boolean {
    return this.#string() && !isZeros(this.#source, this.#start, this.#end) && this.#hex(column, digits);
  }

  /** The last string as so many hex digits. */
  #hex(column: NativeBytes, digits: number): boolean {
    if (this.#end - this.#start !== digits) return false;
    const source = this.#source;
    column.reserve(digits + 1);
    const { bytes } = column;
    let to = column.length;
    bytes[to++] = digits;
    for (let at = this.#start; at < this.#end; at++) {
      const digit = hexDigit[source[at] as number] as number;
      if (digit === 0) return false;
      bytes[to++] = digit;
    }
    column.length = to;
    return true;
  }

  /** A number that is written as digits alone; -1 for others. */
  #uint32(): number {
    this.#skipBlanks();
    const source = this.#source;
    const start = this.#pos;
    let value = 0;
    let at = start;
    for (; isDigit(source[at]); at++) value = value * 10 + ((source[at] as number) - ZERO);
    this.#pos = at;
    return at > start && value <= 0xffffffff && endsValue(source[at]) ? value : NOT_PLAIN;
  }

  /** Nanoseconds, as digits with or without quotes, into the halves. */
  #nanos(): boolean {
    this.#skipBlanks();
    const source = this.#source;
    const quoted = source[this.#pos] === QUOTE;
    const start = quoted ? this.#pos + 1 : this.#pos;
    let end = start;
    while (isDigit(source[end])) end++;
    const count = end - start;
    if (count === 0 || count > 19) return false;
    if (quoted ? source[end] !== QUOTE : !endsValue(source[end])) return false;
    this.#pos = quoted ? end + 1 : end;
    let seconds = 0;
    let rest = 0;
    let at = start;
    for (const last = end - 9; at < last; at++) seconds = seconds * 10 + ((source[at] as number) - ZERO);
    for (; at < end; at++) rest = rest * 10 + ((source[at] as number) - ZERO);
    // seconds * 10^9 + rest, by halves of the seconds: each product is exact.
    const upper = Math.floor(seconds / 0x10000) * 1e9;
    const lower = (seconds % 0x10000) * 1e9 + rest;
    const low = (upper % 0x10000) * 0x10000 + (lower % 0x100000000);
    this.#low = low % 0x100000000;
    this.#high =
      Math.floor(upper / 0x10000) + Math.floor(lower / 0x100000000) + Math.floor(low / 0x100000000);
    return true;
  }

  /** Digits of an integer as `String` writes them, with or without quotes in JSON; undefined for others. */
  #int(): string | undefined {
    this.#skipBlanks();
    const source = this.#source;
    const quoted = source[this.#pos] === QUOTE;
    const start = quoted ? this.#pos + 1 : this.#pos;
    const first = source[start] === MINUS ? start + 1 : start;
    let end = first;
    let value = 0;
    for (; isDigit(source[end]); end++) value = value * 10 + ((source[end] as number) - ZERO);
    const count = end - first;
    if (count === 0 || count > SAFE_DIGITS) return undefined;
    if (quoted ? source[end] !== QUOTE : !endsValue(source[end])) return undefined;
    this.#pos = quoted ? end + 1 : end;
    return String(first === start || value === 0 ? value : -value);
  }

  /** A number that is not quoted; NaN for others. */
  #double(): number {
    this.#skipBlanks();
    const source = this.#source;
    const start = this.#pos;
    let at = start;
    while (!endsValue(source[at])) if (source[at++] === QUOTE) return Number.NaN;
    this.#pos = at;
    return Number(this.#buffer.toString("latin1", start, at));
  }
}

function isZeros(source: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (source[at] !== ZERO) return false;
  return true;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

/** Whether a number ends before this. */
function endsValue(byte: number | undefined): boolean {
  return byte === undefined || byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_LIST || byte <= 0x20;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest >>>= 7) size++;
  return size;
}
