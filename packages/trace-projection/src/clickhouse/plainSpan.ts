import { isUtf8 } from "node:buffer";
import type { Resource, Scope } from "@es/otlp";
import { type LowCardinalityColumn, type MapColumn, NativeBytes } from "@es/store-clickhouse";
import { ATTR_SERVICE_NAME } from "@opentelemetry/semantic-conventions/incubating";
import { attributeToText } from "../attributes/attributeText.js";
import { splitAttributes } from "./exactValue.js";
import type { SpanBlock } from "./spanBlock.js";
import { exactGroup, spanKinds, statusCodes } from "./spanRow.js";

/** What all spans of a ScopeSpans have in common, as the columns hold it. */
export class SpanGroup {
  readonly texts: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly scopeName = new NativeBytes(64);
  readonly scopeVersion = new NativeBytes(64);
  readonly resourceValues = new NativeBytes(256);
  /** Members of `Exact`, each behind a comma. */
  readonly exact: Buffer;
  /** In which block the keys below are known. */
  block: SpanBlock | undefined;
  service = 0;
  resourceKeys: readonly number[] = [];

  constructor(resource: Resource, scope: Scope) {
    const { texts, exact } = splitAttributes(resource.attributes);
    const service = resource.attributes.get(ATTR_SERVICE_NAME);
    this.texts = texts;
    this.serviceName = service === undefined || service === null ? "" : attributeToText(service);
    this.scopeName.text(scope.name);
    this.scopeVersion.text(scope.version);
    for (const value of Object.values(texts)) this.resourceValues.text(value);
    const members = exactGroup(resource, exact, scope);
    this.exact = Buffer.from(members === undefined ? "" : `,${JSON.stringify(members).slice(1, -1)}`);
  }

  enter(block: SpanBlock): void {
    if (this.block === block) return;
    this.block = block;
    this.service = block.serviceNames.keyOf(this.serviceName);
    this.resourceKeys = Object.keys(this.texts).map((key) => block.resources.keys.keyOf(key));
  }
}

// Fields of the messages, as `number << 3 | wire type`: see the .proto files of OTLP.
const KEY = 0x0a;
const VALUE = 0x12;

const hexDigits = Buffer.from("0123456789abcdef");
const kindTexts = spanKinds.map((kind) => Buffer.from(kind));
const statusTexts = statusCodes.map((code) => Buffer.from(code));
const NOT_PLAIN = -1;

/** Pieces of JSON. */
const piece = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const TRUE = piece("true");
const FALSE = piece("false");
const INT = piece('{"int":"');
const INT_END = piece('"}]');
const DOUBLE = piece('{"double":');
const LIST = piece('{"list":');
const VALUE_END = piece("}]");
const VALUES = piece(',"attributes":{"values":[');
const VALUES_END = piece("]}");

/**
 * Writes spans into a block straight from the bytes of a request, where that is simple; whatever is not, it leaves to the
 * decoder and to `spanEventToRow`, which say what a span is: fields that come twice or are not known, a key that comes
 * twice, text that is not UTF-8, values in maps, links, numbers out of range, ids that are wrong. Nothing is refused here.
 */
export class PlainSpanWriter {
  readonly #attributeKeys = new KeysSeen();
  readonly #eventKeys = new KeysSeen();
  /** JSON of what the attribute columns lose. */
  readonly #exactValues = new NativeBytes();
  readonly #exactEvents = new NativeBytes();
  readonly #exactEvent = new NativeBytes();
  readonly #text = new NativeBytes();
  #source: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(8));
  #pos = 0;
  #items = 0;

  /** The request whose bytes {@link write} is given. */
  begin(source: Uint8Array): void {
    // Parts of a plain array cost less than those of a Buffer.
    this.#source = new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  /** How many events, attributes and list members the span has; -1, and nothing written, if it is not plain. */
  write(block: SpanBlock, group: SpanGroup, start: number, end: number): number {
    block.beginSpan();
    this.#items = 0;
    if (this.#span(block, group, start, end)) return this.#items;
    block.takeBack();
    return NOT_PLAIN;
  }

  #span(block: SpanBlock, group: SpanGroup, start: number, end: number): boolean {
    const source = this.#source;
    this.#attributeKeys.begin();
    this.#exactValues.length = 0;
    this.#exactEvents.length = 0;
    let seen = 0;
    let kind = 0;
    let status = 0;
    let flags = 0;
    let droppedAttributes = 0;
    let droppedEvents = 0;
    let droppedLinks = 0;
    let startAt = -1;
    let endAt = -1;
    let events = 0;
    let messageLength = 0;
    this.#pos = start;
    while (this.#pos < end) {
      const tag = source[this.#pos++] as number;
      if (tag !== 0x4a && tag !== 0x5a) {
        // All other fields are single.
        const bit = 1 << (tag === 0x85 ? 16 : tag >>> 3);
        if ((seen & bit) !== 0) return false;
        seen |= bit;
      }
      switch (tag) {
        case 0x0a: {
          if (this.#fieldEnd(end) - this.#pos !== 16) return false;
          if (!this.#hexId(block.traceIds, 16)) return false;
          break;
        }
        case 0x12: {
          if (this.#fieldEnd(end) - this.#pos !== 8) return false;
          if (!this.#hexId(block.spanIds, 8)) return false;
          break;
        }
        case 0x1a:
          if (!this.#copyText(block.traceStates, end)) return false;
          break;
        case 0x22: {
          const size = this.#fieldEnd(end) - this.#pos;
          if (size === 0) block.parentSpanIds.byte(0);
          else if (size !== 8) return false;
          else if (!this.#hexId(block.parentSpanIds, 8)) {
            // All zeros: a root.
            block.parentSpanIds.byte(0);
            this.#pos += 8;
          }
          break;
        }
        case 0x2a:
          if (!this.#copyKey(block.names, end)) return false;
          break;
        case 0x30:
          kind = this.#uint32(end);
          if (kind < 0 || kind >= spanKinds.length) return false;
          break;
        case 0x39:
          startAt = this.#fixed64(end);
          if (startAt < 0) return false;
          break;
        case 0x41:
          endAt = this.#fixed64(end);
          if (endAt < 0) return false;
          break;
        case 0x4a: {
          const attributeEnd = this.#fieldEnd(end);
          if (!this.#attribute(block.attributes, this.#attributeKeys, this.#exactValues, attributeEnd))
            return false;
          break;
        }
        case 0x50:
          droppedAttributes = this.#uint32(end);
          if (droppedAttributes < 0) return false;
          break;
        case 0x5a:
          if (!this.#event(block, events++, this.#fieldEnd(end))) return false;
          break;
        case 0x60:
          droppedEvents = this.#uint32(end);
          if (droppedEvents < 0) return false;
          break;
        case 0x70:
          droppedLinks = this.#uint32(end);
          if (droppedLinks < 0) return false;
          break;
        case 0x7a: {
          const statusEnd = this.#fieldEnd(end);
          const before = block.statusMessages.length;
          status = this.#status(block.statusMessages, statusEnd);
          if (status < 0) return false;
          messageLength = block.statusMessages.length - before;
          break;
        }
        case 0x85:
          if (source[this.#pos++] !== 0x01 || this.#pos + 4 > end) return false;
          flags = this.#view.getUint32(this.#pos, true);
          this.#pos += 4;
          break;
        default:
          return false;
      }
    }
    if (this.#pos !== end) return false;
    if ((seen & 0b110) !== 0b110) return false;
    if ((seen & 0b1000) === 0) block.traceStates.byte(0);
    if ((seen & 0b10000) === 0) block.parentSpanIds.byte(0);
    if ((seen & 0b100000) === 0) block.names.push(0);
    if (messageLength === 0) block.statusMessages.byte(0);
    if (!this.#times(block, startAt, endAt)) return false;
    pushText(block.kinds, kindTexts[kind] as Uint8Array);
    pushText(block.statusCodes, statusTexts[status] as Uint8Array);
    block.attributes.endMap();
    block.eventOffsets.count(block.eventNames.length);
    block.linkOffsets.count(block.links);
    group.enter(block);
    block.serviceNames.push(group.service);
    for (const key of group.resourceKeys) block.resources.keys.push(key);
    block.resources.values.raw(group.resourceValues.bytes, 0, group.resourceValues.length);
    block.resources.endMap();
    block.scopeNames.raw(group.scopeName.bytes, 0, group.scopeName.length);
    block.scopeVersions.raw(group.scopeVersion.bytes, 0, group.scopeVersion.length);
    this.#exact(block.exacts, flags, droppedAttributes, droppedEvents, droppedLinks, group.exact);
    block.rows++;
    return true;
  }

  /** In the order of `spanEventToRow`. */
  #exact(
    out: NativeBytes,
    flags: number,
    droppedAttributes: number,
    droppedEvents: number,
    droppedLinks: number,
    group: Uint8Array,
  ): void {
    const text = this.#text;
    text.length = 0;
    if (flags !== 0) text.latin1(`,"flags":${flags}`);
    if ((droppedAttributes | droppedEvents | droppedLinks) !== 0) {
      text.latin1(`,"dropped":[${droppedAttributes},${droppedEvents},${droppedLinks}]`);
    }
    if (this.#exactValues.length > 0) {
      text.raw(VALUES, 0, VALUES.length);
      text.raw(this.#exactValues.bytes, 1, this.#exactValues.length);
      text.raw(VALUES_END, 0, VALUES_END.length);
    }
    text.raw(group, 0, group.length);
    if (this.#exactEvents.length > 0) {
      text.latin1(',"events":[');
      text.raw(this.#exactEvents.bytes, 1, this.#exactEvents.length);
      text.byte(0x5d);
    }
    if (text.length === 0) {
      out.byte(0);
      return;
    }
    // Each member came behind a comma: the first makes room for the brace.
    text.bytes[0] = 0x7b;
    text.byte(0x7d);
    out.varint(text.length);
    out.raw(text.bytes, 0, text.length);
  }

  #times(block: SpanBlock, startAt: number, endAt: number): boolean {
    const view = this.#view;
    const startLow = startAt < 0 ? 0 : view.getUint32(startAt, true);
    const startHigh = startAt < 0 ? 0 : view.getUint32(startAt + 4, true);
    const endLow = endAt < 0 ? 0 : view.getUint32(endAt, true);
    const endHigh = endAt < 0 ? 0 : view.getUint32(endAt + 4, true);
    // More than DateTime64(9) holds.
    if (startHigh >= 0x80000000) return false;
    block.timestamps.uint64(startLow, startHigh);
    block.starts.uint64(startLow, startHigh);
    block.ends.uint64(endLow, endHigh);
    const started = (startLow | startHigh) !== 0;
    const later = endHigh > startHigh || (endHigh === startHigh && endLow > startLow);
    if (started && later) {
      const borrow = endLow < startLow ? 1 : 0;
      block.durations.uint64((endLow - startLow) >>> 0, (endHigh - startHigh - borrow) >>> 0);
    } else block.durations.uint64(0, 0);
    return true;
  }

  /** The code; -1 if it is not plain. Writes the message if there is one. */
  #status(messages: NativeBytes, end: number): number {
    if (end < 0) return NOT_PLAIN;
    const source = this.#source;
    let code = 0;
    let seen = 0;
    while (this.#pos < end) {
      const tag = source[this.#pos++] as number;
      if (tag === 0x12) {
        if ((seen & 1) !== 0 || !this.#copyText(messages, end)) return NOT_PLAIN;
        seen |= 1;
      } else if (tag === 0x18) {
        code = this.#uint32(end);
        if ((seen & 2) !== 0 || code < 0 || code >= statusCodes.length) return NOT_PLAIN;
        seen |= 2;
      } else return NOT_PLAIN;
    }
    return this.#pos === end ? code : NOT_PLAIN;
  }

  #event(block: SpanBlock, place: number, end: number): boolean {
    if (end < 0) return false;
    const source = this.#source;
    const values = this.#exactEvent;
    this.#items++;
    this.#eventKeys.begin();
    values.length = 0;
    let seen = 0;
    let dropped = 0;
    while (this.#pos < end) {
      const tag = source[this.#pos++] as number;
      if (tag !== 0x1a) {
        const bit = 1 << (tag >>> 3);
        if ((seen & bit) !== 0) return false;
        seen |= bit;
      }
      switch (tag) {
        case 0x09: {
          const at = this.#fixed64(end);
          if (at < 0 || (source[at + 7] as number) >= 0x80) return false;
          block.eventTimes.raw(source, at, at + 8);
          break;
        }
        case 0x12:
          if (!this.#copyKey(block.eventNames, end)) return false;
          break;
        case 0x1a:
          if (!this.#attribute(block.eventAttributes, this.#eventKeys, values, this.#fieldEnd(end)))
            return false;
          break;
        case 0x20:
          dropped = this.#uint32(end);
          if (dropped < 0) return false;
          break;
        default:
          return false;
      }
    }
    if (this.#pos !== end) return false;
    if ((seen & 2) === 0) block.eventTimes.uint64(0, 0);
    if ((seen & 4) === 0) block.eventNames.push(0);
    block.eventAttributes.endMap();
    if (dropped === 0 && values.length === 0) return true;
    const exact = this.#exactEvents;
    exact.latin1(`,[${place},{`);
    if (dropped !== 0) exact.latin1(`"dropped":${dropped}`);
    if (values.length > 0) {
      exact.latin1(dropped === 0 ? '"attributes":{"values":[' : ',"attributes":{"values":[');
      exact.raw(values.bytes, 1, values.length);
      exact.latin1("]}");
    }
    exact.latin1("}]");
    return true;
  }

  /** A key and a value, once each and in this order. */
  #attribute(column: MapColumn, keysSeen: KeysSeen, exact: NativeBytes, end: number): boolean {
    if (end < 0) return false;
    const source = this.#source;
    this.#items++;
    if (this.#pos >= end || source[this.#pos++] !== KEY) return false;
    const keyEnd = this.#fieldEnd(end);
    if (keyEnd < 0) return false;
    const { keys, values } = column;
    const key = keys.key(source, this.#pos, keyEnd);
    if (key < 0 || !keysSeen.isNew(keys, key)) return false;
    this.#pos = keyEnd;
    if (this.#pos >= end || source[this.#pos++] !== VALUE) return false;
    if (this.#fieldEnd(end) !== end || this.#pos >= end) return false;
    keys.push(key);
    switch (source[this.#pos++]) {
      case 0x0a:
        if (!this.#copyText(values, end)) return false;
        break;
      case 0x10: {
        const value = this.#uint32(end);
        if (value < 0 || value > 1) return false;
        const text = value === 1 ? TRUE : FALSE;
        values.byte(text.length);
        values.raw(text, 0, text.length);
        if (!beginExact(exact, keysSeen, key)) return false;
        exact.raw(text, 0, text.length);
        exact.byte(0x5d);
        break;
      }
      case 0x18: {
        const text = this.#int64(end);
        if (text === undefined) return false;
        values.byte(text.length);
        values.latin1(text);
        if (!beginExact(exact, keysSeen, key)) return false;
        exact.raw(INT, 0, INT.length);
        exact.latin1(text);
        exact.raw(INT_END, 0, INT_END.length);
        break;
      }
      case 0x21: {
        const at = this.#fixed64(end);
        if (at < 0) return false;
        const value = this.#view.getFloat64(at, true);
        if (!Number.isFinite(value) || Object.is(value, -0)) return false;
        const text = String(value);
        values.byte(text.length);
        values.latin1(text);
        if (!beginExact(exact, keysSeen, key)) return false;
        exact.raw(DOUBLE, 0, DOUBLE.length);
        exact.latin1(text);
        exact.raw(VALUE_END, 0, VALUE_END.length);
        break;
      }
      case 0x2a: {
        const listEnd = this.#fieldEnd(end);
        if (listEnd !== end || !this.#texts(end)) return false;
        const list = this.#text;
        values.varint(list.length);
        values.raw(list.bytes, 0, list.length);
        if (!beginExact(exact, keysSeen, key)) return false;
        exact.raw(LIST, 0, LIST.length);
        exact.raw(list.bytes, 0, list.length);
        exact.raw(VALUE_END, 0, VALUE_END.length);
        break;
      }
      default:
        return false;
    }
    return this.#pos === end;
  }

  /** A list of texts as JSON, where none has to be escaped. */
  #texts(end: number): boolean {
    const source = this.#source;
    const out = this.#text;
    out.length = 0;
    out.byte(0x5b);
    while (this.#pos < end) {
      if (source[this.#pos++] !== 0x0a) return false;
      const valueEnd = this.#fieldEnd(end);
      if (valueEnd < 0 || source[this.#pos++] !== 0x0a) return false;
      if (this.#fieldEnd(valueEnd) !== valueEnd) return false;
      this.#items++;
      if (out.length > 1) out.byte(0x2c);
      if (!isPlainJson(source, this.#pos, valueEnd)) return false;
      if (!isUtf8(source.subarray(this.#pos, valueEnd))) return false;
      out.byte(0x22);
      out.raw(source, this.#pos, valueEnd);
      out.byte(0x22);
      this.#pos = valueEnd;
    }
    out.byte(0x5d);
    return true;
  }

  /** Where a field ends that begins with its length; -1 when it does not end before `end`. */
  #fieldEnd(end: number): number {
    const source = this.#source;
    if (this.#pos >= end) return NOT_PLAIN;
    let size = source[this.#pos++] as number;
    if (size >= 0x80) {
      size &= 0x7f;
      for (let shift = 7; ; shift += 7) {
        if (this.#pos >= end || shift > 21) return NOT_PLAIN;
        const byte = source[this.#pos++] as number;
        size |= (byte & 0x7f) << shift;
        if (byte < 0x80) break;
      }
    }
    const fieldEnd = this.#pos + size;
    return fieldEnd > end ? NOT_PLAIN : fieldEnd;
  }

  #copyText(column: NativeBytes, end: number): boolean {
    const fieldEnd = this.#fieldEnd(end);
    if (fieldEnd < 0 || !column.utf8(this.#source, this.#pos, fieldEnd)) return false;
    this.#pos = fieldEnd;
    return true;
  }

  #copyKey(column: LowCardinalityColumn, end: number): boolean {
    const fieldEnd = this.#fieldEnd(end);
    if (fieldEnd < 0) return false;
    const key = column.key(this.#source, this.#pos, fieldEnd);
    if (key < 0) return false;
    column.push(key);
    this.#pos = fieldEnd;
    return true;
  }

  /** An id as hex digits; false, and nothing written, if it is all zeros. */
  #hexId(column: NativeBytes, size: number): boolean {
    const source = this.#source;
    const start = this.#pos;
    let all = 0;
    for (let i = 0; i < size; i++) all |= source[start + i] as number;
    if (all === 0) return false;
    column.reserve(size * 2 + 1);
    const { bytes } = column;
    let at = column.length;
    bytes[at++] = size * 2;
    for (let i = 0; i < size; i++) {
      const byte = source[start + i] as number;
      bytes[at++] = hexDigits[byte >>> 4] as number;
      bytes[at++] = hexDigits[byte & 15] as number;
    }
    column.length = at;
    this.#pos = start + size;
    return true;
  }

  /** Where eight bytes are; -1 when they are not there. */
  #fixed64(end: number): number {
    const at = this.#pos;
    if (at + 8 > end) return NOT_PLAIN;
    this.#pos = at + 8;
    return at;
  }

  /** A number below 2^28; -1 for others. */
  #uint32(end: number): number {
    const source = this.#source;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#pos >= end) return NOT_PLAIN;
      const byte = source[this.#pos++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return NOT_PLAIN;
  }

  /** Decimal digits of an integer from 0 to 2^53 - 1; undefined for others. */
  #int64(end: number): string | undefined {
    const source = this.#source;
    let value = 0;
    let unit = 1;
    for (let count = 0; count < 8; count++) {
      if (this.#pos >= end) return undefined;
      const byte = source[this.#pos++] as number;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? String(value) : undefined;
      unit *= 128;
    }
    return undefined;
  }
}

function beginExact(exact: NativeBytes, keysSeen: KeysSeen, key: number): boolean {
  const begin = keysSeen.beginOfValue(key);
  if (begin === undefined) return false;
  exact.raw(begin, 0, begin.length);
  return true;
}

/** Which keys of a dictionary a list of attributes has had, and how their exact values begin. */
class KeysSeen {
  #lists = new Uint32Array(64);
  #list = 0;
  /** By key: `,["key",`; null for a key that JSON escapes. */
  #begins: (Uint8Array | null | undefined)[] = [];
  #dictionary: LowCardinalityColumn | undefined;
  #generation = -1;

  begin(): void {
    this.#list++;
  }

  /** Whether the list had no such key, and a JavaScript object would keep its place. */
  isNew(keys: LowCardinalityColumn, key: number): boolean {
    if (this.#dictionary !== keys || this.#generation !== keys.generation) this.#reset(keys);
    if (key >= this.#lists.length) this.#grow(keys.keyCount);
    if (this.#lists[key] === this.#list) return false;
    this.#lists[key] = this.#list;
    if (this.#begins[key] === undefined) {
      const [start, end] = [keys.keyStart(key), keys.keyEnd(key)];
      if (isDigits(keys.keyBytes, start, end)) return false;
      this.#begins[key] = isPlainJson(keys.keyBytes, start, end)
        ? new Uint8Array(
            Buffer.concat([Buffer.from(',["'), keys.keyBytes.subarray(start, end), Buffer.from('",')]),
          )
        : null;
    }
    return true;
  }

  beginOfValue(key: number): Uint8Array | undefined {
    return this.#begins[key] ?? undefined;
  }

  #reset(keys: LowCardinalityColumn): void {
    this.#dictionary = keys;
    this.#generation = keys.generation;
    this.#lists.fill(0);
    this.#begins = [];
    this.#list = 1;
  }

  #grow(count: number): void {
    const lists = new Uint32Array(Math.max(count, this.#lists.length * 2));
    lists.set(this.#lists);
    this.#lists = lists;
  }
}

/** Such a key may be an array index. */
function isDigits(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (((bytes[i] as number) ^ 0x30) > 9) return false;
  return end > start;
}

/** Whether a JSON text holds UTF-8 as it is: without quotes, backslashes and control characters. */
function isPlainJson(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}

function pushText(column: LowCardinalityColumn, text: Uint8Array): void {
  column.push(column.key(text, 0, text.length));
}
