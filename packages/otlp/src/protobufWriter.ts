const INITIAL_SIZE = 16 * 1024;

/**
 * Writes protobuf from the last byte to the first: once a message's content is written its length is known, so nothing is
 * measured beforehand or moved afterwards. Callers write fields in descending order, and a field's value before its tag.
 */
export class ProtobufWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_SIZE);
  /** Where the bytes written so far begin, counted from the end of the buffer. */
  #written = 0;

  /** A mark to pass to `message` when the content written since is complete. */
  get mark(): number {
    return this.#written;
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(this.#buffer.length - this.#written));
  }

  message(field: number, mark: number): void {
    this.#varint32(this.#written - mark);
    this.#varint32((field << 3) | 2);
  }

  string(field: number, value: string): void {
    const length = Buffer.byteLength(value);
    const pos = this.#reserve(length);
    this.#buffer.write(value, pos, length, "utf8");
    this.#varint32(length);
    this.#varint32((field << 3) | 2);
  }

  bytes(field: number, value: Uint8Array): void {
    const pos = this.#reserve(value.length);
    this.#buffer.set(value, pos);
    this.#varint32(value.length);
    this.#varint32((field << 3) | 2);
  }

  uint32(field: number, value: number): void {
    this.#varint32(value >>> 0);
    this.#varint32(field << 3);
  }

  /** Also for enums and booleans: negative numbers take ten bytes. */
  int64(field: number, value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    let length = 1;
    for (let left = rest >> 7n; left > 0n; left >>= 7n) length++;
    let pos = this.#reserve(length);
    while (rest > 0x7fn) {
      this.#buffer[pos++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[pos] = Number(rest);
    this.#varint32(field << 3);
  }

  fixed64(field: number, value: bigint): void {
    const pos = this.#reserve(8);
    this.#buffer.writeBigUInt64LE(value, pos);
    this.#varint32((field << 3) | 1);
  }

  double(field: number, value: number): void {
    const pos = this.#reserve(8);
    this.#buffer.writeDoubleLE(value, pos);
    this.#varint32((field << 3) | 1);
  }

  fixed32(field: number, value: number): void {
    const pos = this.#reserve(4);
    this.#buffer.writeUInt32LE(value, pos);
    this.#varint32((field << 3) | 5);
  }

  #varint32(value: number): void {
    let length = 1;
    for (let left = value >>> 7; left > 0; left >>>= 7) length++;
    let pos = this.#reserve(length);
    while (value > 0x7f) {
      this.#buffer[pos++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    this.#buffer[pos] = value;
  }

  /** Makes room for `length` bytes before what is written; returns where they begin. It may replace the buffer. */
  #reserve(length: number): number {
    if (this.#written + length > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#written + length));
      this.#buffer.copy(grown, grown.length - this.#written, this.#buffer.length - this.#written);
      this.#buffer = grown;
    }
    this.#written += length;
    return this.#buffer.length - this.#written;
  }
}
