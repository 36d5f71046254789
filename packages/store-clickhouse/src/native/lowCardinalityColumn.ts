import { isUtf8 } from "node:buffer";
import { randomInt } from "node:crypto";
import { NativeBytes } from "./nativeBytes.js";

/** Of the format's only version. */
const KEYS_VERSION = 1;
/** The block brings its own keys, and these are its dictionary. */
const OWN_KEYS = 0x600;

/** Nobody who sends keys knows it, so nobody can choose keys that collide. */
const seed = randomInt(2 ** 32);

/** A column of `LowCardinality(String)`: each text once, and where it occurs. */
export class LowCardinalityColumn {
  /** Rows, or entries of maps and arrays. */
  length = 0;
  /** Texts known, the empty one included, which is the first. */
  keyCount = 1;
  /** How often it was cleared: keys of before mean nothing after. */
  generation = 0;
  readonly #keys = new NativeBytes();
  #starts = new Uint32Array(64);
  #ends = new Uint32Array(64);
  /** By key: the one that came after it the last time. Spans of one kind have their attributes in one order. */
  #next = new Int32Array(64);
  /** Open addressing; 0 is free, for the empty text is never looked up. */
  #slots = new Int32Array(256);
  #indexes = new Uint32Array(256);
  #last = 0;

  /** Where a key's bytes are, without its length. */
  get keyBytes(): Uint8Array {
    return this.#keys.bytes;
  }
  /** Of all keys. */
  get keyLength(): number {
    return this.#keys.length;
  }
  keyStart(key: number): number {
    return this.#starts[key] as number;
  }
  keyEnd(key: number): number {
    return this.#ends[key] as number;
  }

  /** Bytes held for what may come. */
  get capacity(): number {
    return (
      this.#keys.bytes.length + 4 * (this.#indexes.length + this.#slots.length + 3 * this.#starts.length)
    );
  }

  clear(): void {
    this.generation++;
    this.length = 0;
    this.keyCount = 1;
    this.#keys.length = 0;
    this.#last = 0;
    this.#slots.fill(0);
    this.#next.fill(0);
  }

  /** The key of a text; -1 when its bytes are not UTF-8. */
  key(source: Uint8Array, start: number, end: number): number {
    if (start === end) return 0;
    const likely = this.#next[this.#last] as number;
    if (likely !== 0 && this.#is(likely, source, start, end)) {
      this.#last = likely;
      return likely;
    }
    const mask = this.#slots.length - 1;
    let slot = hash(source, start, end) & mask;
    for (;;) {
      const key = this.#slots[slot] as number;
      if (key === 0) break;
      if (this.#is(key, source, start, end)) return this.#follow(key);
      slot = (slot + 1) & mask;
    }
    if (!isUtf8(source.subarray(start, end))) return -1;
    const key = this.#add(source, start, end);
    if (this.keyCount * 2 > this.#slots.length) this.#rehash();
    else this.#slots[slot] = key;
    return this.#follow(key);
  }

  keyOf(text: string): number {
    const bytes = Buffer.from(text);
    return this.key(bytes, 0, bytes.length);
  }

  push(key: number): void {
    if (this.length === this.#indexes.length) this.#indexes = grown(this.#indexes);
    this.#indexes[this.length++] = key;
  }

  /** The rows of another column behind those of this one. */
  append(other: LowCardinalityColumn): void {
    // The empty text is the first of both.
    const keys = new Uint32Array(other.keyCount);
    for (let key = 1; key < other.keyCount; key++)
      keys[key] = this.key(other.keyBytes, other.keyStart(key), other.keyEnd(key));
    for (let i = 0; i < other.length; i++) this.push(keys[other.#indexes[i] as number] as number);
  }

  /** What comes before the offsets of maps and arrays around this column. */
  static writePrefix(out: NativeBytes): void {
    out.count(KEYS_VERSION);
  }

  write(out: NativeBytes): void {
    if (this.length === 0) return;
    const width = this.keyCount <= 0x100 ? 0 : this.keyCount <= 0x10000 ? 1 : 2;
    out.count(OWN_KEYS | width);
    out.count(this.keyCount);
    out.byte(0);
    out.raw(this.#keys.bytes, 0, this.#keys.length);
    out.count(this.length);
    out.reserve(this.length << width);
    for (let i = 0; i < this.length; i++) {
      const index = this.#indexes[i] as number;
      out.bytes[out.length++] = index;
      if (width > 0) out.bytes[out.length++] = index >>> 8;
      if (width > 1) {
        out.bytes[out.length++] = index >>> 16;
        out.bytes[out.length++] = index >>> 24;
      }
    }
  }

  #follow(key: number): number {
    this.#next[this.#last] = key;
    this.#last = key;
    return key;
  }

  #is(key: number, source: Uint8Array, start: number, end: number): boolean {
    let at = this.#starts[key] as number;
    if ((this.#ends[key] as number) - at !== end - start) return false;
    const { bytes } = this.#keys;
    for (let i = start; i < end; i++) if (bytes[at++] !== source[i]) return false;
    return true;
  }

  #add(source: Uint8Array, start: number, end: number): number {
    const key = this.keyCount++;
    if (key === this.#starts.length) {
      this.#starts = grown(this.#starts);
      this.#ends = grown(this.#ends);
      this.#next = grown(this.#next);
    }
    this.#keys.varint(end - start);
    this.#starts[key] = this.#keys.length;
    this.#keys.raw(source, start, end);
    this.#ends[key] = this.#keys.length;
    return key;
  }

  #rehash(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = this.#slots.length - 1;
    for (let key = 1; key < this.keyCount; key++) {
      let slot = hash(this.#keys.bytes, this.keyStart(key), this.keyEnd(key)) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = key;
    }
  }
}

function hash(source: Uint8Array, start: number, end: number): number {
  let value = seed ^ (end - start);
  for (let i = start; i < end; i++) {
    value = Math.imul(value ^ (source[i] as number), 0x9e3779b1);
    value ^= value >>> 15;
  }
  return value;
}

function grown<T extends Uint32Array | Int32Array>(array: T): T {
  const larger = new (array.constructor as new (length: number) => T)(array.length * 2);
  larger.set(array);
  return larger;
}
