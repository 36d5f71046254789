/** Thrown where the bytes end before the value does. */
export const INCOMPLETE = new RangeError("the bytes end within a value");

const INTERNED_SLOTS = 4_096;
const LONGEST_INTERNED = 64;

/**
 * Reads values as ClickHouse's `RowBinary` has them, one after the other. Strings are copied out of the bytes, so that nothing
 * keeps these.
 *
 * Every method throws {@link INCOMPLETE} where the bytes end too early.
 */
export class BinaryReader {
  #bytes: Buffer;
  #position = 0;
  readonly #interned: (string | undefined)[] = new Array(INTERNED_SLOTS);
  readonly #internedBytes: (Uint8Array | undefined)[] = new Array(INTERNED_SLOTS);

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = bytes;
  }

  /** How many bytes of what it was given were read. */
  get position(): number {
    return this.#position;
  }

  set position(position: number) {
    this.#position = position;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  /** Goes on with other bytes, from their start. */
  reset(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#position = 0;
  }

  /** A length: of a string, an `Array` or a `Map`. */
  length(): number {
    const bytes = this.#bytes;
    let length = 0;
    let factor = 1;
    for (;;) {
      if (this.#position >= bytes.length) throw INCOMPLETE;
      const byte = bytes[this.#position++] as number;
      if (byte < 0x80) return length + byte * factor;
      length += (byte & 0x7f) * factor;
      factor *= 0x80;
    }
  }

  /** A `String`, or a `LowCardinality(String)`. */
  string(): string {
    const length = this.length();
    if (length === 0) return "";
    const start = this.#skip(length);
    return this.#bytes.toString("utf8", start, start + length);
  }

  /** A string that comes again and again, such as the key of a map: each time the same one, as far as that is short. */
  internedString(): string {
    const length = this.length();
    if (length === 0) return "";
    const start = this.#skip(length);
    const bytes = this.#bytes;
    if (length > LONGEST_INTERNED) return bytes.toString("utf8", start, start + length);
    let hash = length;
    for (let at = start; at < start + length; at++) hash = (hash * 31 + (bytes[at] as number)) | 0;
    const slot = (hash ^ (hash >>> 13)) & (INTERNED_SLOTS - 1);
    const known = this.#internedBytes[slot];
    if (known !== undefined && known.length === length) {
      let same = 0;
      while (same < length && known[same] === bytes[start + same]) same++;
      if (same === length) return this.#interned[slot] as string;
    }
    const text = bytes.toString("utf8", start, start + length);
    this.#internedBytes[slot] = Uint8Array.prototype.slice.call(bytes, start, start + length);
    this.#interned[slot] = text;
    return text;
  }

  skipString(): void {
    this.#skip(this.length());
  }

  /** A `UInt64`. */
  uint64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#skip(8));
  }

  /** An `Int64`, or a `DateTime64` as its ticks since 1970. */
  int64(): bigint {
    return this.#bytes.readBigInt64LE(this.#skip(8));
  }

  /** Whether the bytes from `start` up to here are these. */
  matches(bytes: Uint8Array, start: number): boolean {
    return (
      bytes.length === this.#position - start &&
      this.#bytes.compare(bytes, 0, bytes.length, start, this.#position) === 0
    );
  }

  /** A copy of the bytes from `start` up to here. */
  copyFrom(start: number): Uint8Array {
    return Uint8Array.prototype.slice.call(this.#bytes, start, this.#position);
  }

  /** @returns where it was */
  #skip(length: number): number {
    const start = this.#position;
    if (start + length > this.#bytes.length) throw INCOMPLETE;
    this.#position = start + length;
    return start;
  }
}
