import { isUtf8 } from "node:buffer";
import { type LowCardinalityColumn, NativeBytes } from "@es/store-clickhouse";
import { isPlainJson, type PlainAttributes } from "../columns/plainAttributes.js";
import { PlainSpanRow, written } from "../columns/plainSpanRow.js";
import { spanKinds, statusCodes } from "../columns/spanRow.js";
import { NO_REQUEST, RequestReader } from "./requestReader.js";
import type { SpanBlock } from "./spanBlock.js";
import type { SpanGroup } from "./spanGroup.js";

// Fields of the messages, as `number << 3 | wire type`: see the .proto files of OTLP.
const KEY = 0x0a;
const VALUE = 0x12;

const hexDigits = Buffer.from("0123456789abcdef");
const NOT_PLAIN = -1;

/**
 * Writes spans into a block straight from the bytes of a request, where that is simple; whatever is not, it leaves to the
 * decoder and to `spanEventToRow`, which say what a span is: fields that come twice or are not known, a key that comes
 * twice, text that is not UTF-8, values in maps, links, numbers out of range, ids that are wrong. Nothing is refused here.
 */
export class PlainSpanWriter extends RequestReader {
  readonly #row = new PlainSpanRow();
  /** A list, as JSON. */
  readonly #text = new NativeBytes();
  #source: Uint8Array = NO_REQUEST;
  #view: DataView = new DataView(new ArrayBuffer(8));
  #pos = 0;
  #items = 0;
  #maxItems = 0;

  /** Bytes held for what may come, about. */
  get capacity(): number {
    return this.#row.capacity + this.#text.bytes.length;
  }

  protected override read(request: Uint8Array): void {
    // Parts of a plain array cost less than those of a Buffer.
    this.#source = new Uint8Array(request.buffer, request.byteOffset, request.byteLength);
    this.#view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  }

  /** How many events, attributes and list members the span has; -1, and nothing written, if it is not plain or has more than `maxItems`. */
  write(block: SpanBlock, group: SpanGroup, start: number, end: number, maxItems: number): number {
    block.beginSpan();
    this.#items = 0;
    this.#maxItems = maxItems;
    if (this.#span(block, group, start, end)) return this.#items;
    block.takeBack();
    return NOT_PLAIN;
  }

  #span(block: SpanBlock, group: SpanGroup, start: number, end: number): boolean {
    const source = this.#source;
    const row = this.#row;
    row.begin(block);
    let seen = 0;
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
          row.written |= written.traceId;
          break;
        }
        case 0x12: {
          if (this.#fieldEnd(end) - this.#pos !== 8) return false;
          if (!this.#hexId(block.spanIds, 8)) return false;
          row.written |= written.spanId;
          break;
        }
        case 0x1a:
          if (!this.#copyText(block.traceStates, end)) return false;
          row.written |= written.traceState;
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
          row.written |= written.parentSpanId;
          break;
        }
        case 0x2a:
          if (!this.#copyKey(block.names, end)) return false;
          row.written |= written.name;
          break;
        case 0x30:
          row.kind = this.#uint32(end);
          if (row.kind < 0 || row.kind >= spanKinds.length) return false;
          break;
        case 0x39: {
          const at = this.#fixed64(end);
          if (at < 0) return false;
          row.startLow = this.#view.getUint32(at, true);
          row.startHigh = this.#view.getUint32(at + 4, true);
          break;
        }
        case 0x41: {
          const at = this.#fixed64(end);
          if (at < 0) return false;
          row.endLow = this.#view.getUint32(at, true);
          row.endHigh = this.#view.getUint32(at + 4, true);
          break;
        }
        case 0x4a:
          if (!this.#attribute(row.attributes, this.#fieldEnd(end))) return false;
          break;
        case 0x50:
          row.droppedAttributes = this.#uint32(end);
          if (row.droppedAttributes < 0) return false;
          break;
        case 0x5a:
          if (!this.#event(block, this.#fieldEnd(end))) return false;
          break;
        case 0x60:
          row.droppedEvents = this.#uint32(end);
          if (row.droppedEvents < 0) return false;
          break;
        case 0x70:
          row.droppedLinks = this.#uint32(end);
          if (row.droppedLinks < 0) return false;
          break;
        case 0x7a: {
          const statusEnd = this.#fieldEnd(end);
          row.status = this.#status(block.statusMessages, statusEnd);
          if (row.status < 0) return false;
          break;
        }
        case 0x85:
          if (source[this.#pos++] !== 0x01 || this.#pos + 4 > end) return false;
          row.flags = this.#view.getUint32(this.#pos, true);
          this.#pos += 4;
          break;
        default:
          return false;
      }
    }
    if (this.#pos !== end) return false;
    return row.finish(block, group);
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
        this.#row.written |= written.statusMessage;
      } else if (tag === 0x18) {
        code = this.#uint32(end);
        if ((seen & 2) !== 0 || code < 0 || code >= statusCodes.length) return NOT_PLAIN;
        seen |= 2;
      } else return NOT_PLAIN;
    }
    return this.#pos === end ? code : NOT_PLAIN;
  }

  #event(block: SpanBlock, end: number): boolean {
    if (end < 0) return false;
    const source = this.#source;
    const row = this.#row;
    if (++this.#items > this.#maxItems) return false;
    row.beginEvent(block);
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
          if (!this.#attribute(row.eventAttributes, this.#fieldEnd(end))) return false;
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
    row.endEvent(block, dropped);
    return true;
  }

  /** A key and a value, once each and in this order. */
  #attribute(attributes: PlainAttributes, end: number): boolean {
    if (end < 0) return false;
    const source = this.#source;
    if (++this.#items > this.#maxItems) return false;
    if (this.#pos >= end || source[this.#pos++] !== KEY) return false;
    const keyEnd = this.#fieldEnd(end);
    if (keyEnd < 0) return false;
    const values = attributes.key(source, this.#pos, keyEnd);
    if (values === undefined) return false;
    this.#pos = keyEnd;
    if (this.#pos >= end || source[this.#pos++] !== VALUE) return false;
    if (this.#fieldEnd(end) !== end || this.#pos >= end) return false;
    switch (source[this.#pos++]) {
      case 0x0a:
        if (!this.#copyText(values, end)) return false;
        break;
      case 0x10: {
        const value = this.#uint32(end);
        if (value < 0 || value > 1 || !attributes.boolean(values, value === 1)) return false;
        break;
      }
      case 0x18: {
        const digits = this.#int64(end);
        if (digits === undefined || !attributes.int(values, digits)) return false;
        break;
      }
      case 0x21: {
        const at = this.#fixed64(end);
        if (at < 0 || !attributes.double(values, this.#view.getFloat64(at, true))) return false;
        break;
      }
      case 0x2a:
        if (this.#fieldEnd(end) !== end || !this.#texts(end) || !attributes.list(values, this.#text))
          return false;
        break;
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
      if (++this.#items > this.#maxItems) return false;
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
