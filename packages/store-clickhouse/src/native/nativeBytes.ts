import { isUtf8 } from "node:buffer";

/** Shorter texts are copied byte by byte: a call into the runtime costs more. */
const SHORT = 48;

/** Bytes that grow, as ClickHouse's `Native` format has them: little-endian, texts behind their length as a varint. */
export class NativeBytes {
  bytes: Buffer;
  length = 0;

  constructor(capacity = 1024) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  varint(value: number): void {
    this.reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** Two unsigned halves of a 64-bit integer. */
  uint64(low: number, high: number): void {
    this.reserve(8);
    const { bytes, length } = this;
    bytes[length] = low;
    bytes[length + 1] = low >>> 8;
    bytes[length + 2] = low >>> 16;
    bytes[length + 3] = low >>> 24;
    bytes[length + 4] = high;
    bytes[length + 5] = high >>> 8;
    bytes[length + 6] = high >>> 16;
    bytes[length + 7] = high >>> 24;
    this.length = length + 8;
  }

  /** `count` is at most 2^53 - 1. */
  count(count: number): void {
    this.uint64(count >>> 0, Math.floor(count / 2 ** 32));
  }

  /** Counts of another buffer, each so much greater. */
  counts(source: NativeBytes, more: number): void {
    for (let at = 0; at < source.length; at += 8) {
      this.count(source.bytes.readUInt32LE(at) + source.bytes.readUInt32LE(at + 4) * 2 ** 32 + more);
    }
  }

  /** 0 to 2^64 - 1, or the negative number of the same bits. */
  bigint(value: bigint): void {
    this.reserve(8);
    this.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.length);
    this.length += 8;
  }

  /** Bytes of another buffer, without a length. */
  raw(source: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    if (count > SHORT) {
      this.bytes.set(source.subarray(start, end), this.length);
      this.length += count;
      return;
    }
    const { bytes } = this;
    let at = this.length;
    for (let i = start; i < end; i++) bytes[at++] = source[i] as number;
    this.length = at;
  }

  /** Characters below 256, without a length. */
  latin1(text: string): void {
    this.reserve(text.length);
    const { bytes } = this;
    let at = this.length;
    for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** A text without a length, in UTF-8. */
  bareText(text: string): void {
    const size = Buffer.byteLength(text);
    this.reserve(size);
    this.bytes.write(text, this.length, size);
    this.length += size;
  }

  /** A text behind its length. Lone surrogates become U+FFFD. */
  text(text: string): void {
    const size = Buffer.byteLength(text);
    this.varint(size);
    this.reserve(size);
    this.bytes.write(text, this.length, size);
    this.length += size;
  }

  /** The same of bytes that are a text already; false, and nothing written, when they are not UTF-8. */
  utf8(source: Uint8Array, start: number, end: number): boolean {
    const size = end - start;
    if (size > SHORT) {
      const part = source.subarray(start, end);
      if (!isUtf8(part)) return false;
      this.varint(size);
      this.reserve(size);
      this.bytes.set(part, this.length);
      this.length += size;
      return true;
    }
    this.reserve(size + 1);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = size;
    let all = 0;
    for (let i = start; i < end; i++) {
      const byte = source[i] as number;
      all |= byte;
      bytes[at++] = byte;
    }
    if (all >= 0x80 && !isUtf8(source.subarray(start, end))) return false;
    this.length = at;
    return true;
  }
}
