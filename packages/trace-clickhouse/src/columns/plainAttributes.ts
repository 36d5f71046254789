import { type LowCardinalityColumn, type MapColumn, NativeBytes } from "@es/store-clickhouse";

/** Pieces of JSON. */
const piece = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const TRUE = piece("true");
const FALSE = piece("false");
const INT = piece('{"int":"');
const INT_END = piece('"}]');
const DOUBLE = piece('{"double":');
const LIST = piece('{"list":');
const VALUE_END = piece("}]");

/**
 * Writes one list of attributes after the other into columns of maps, and what these lose into {@link exact}. False is what is
 * not plain: a key that comes twice, that a JavaScript object would move, or whose value JSON cannot follow as it is.
 */
export class PlainAttributes {
  /** Of one list: `["key",value]` each, behind a comma. */
  readonly exact = new NativeBytes();
  readonly #keysSeen = new KeysSeen();
  #column: MapColumn | undefined;
  #key = 0;

  /** Bytes held for what may come, about. */
  get capacity(): number {
    return this.exact.bytes.length + this.#keysSeen.capacity;
  }

  begin(column: MapColumn): void {
    this.#column = column;
    this.#keysSeen.begin();
    this.exact.length = 0;
  }

  /** Where the value of the key goes; undefined if that is not plain. */
  key(source: Uint8Array, start: number, end: number): NativeBytes | undefined {
    const column = this.#column as MapColumn;
    const { keys } = column;
    const key = keys.key(source, start, end);
    if (key < 0 || !this.#keysSeen.isNew(keys, key)) return undefined;
    keys.push(key);
    this.#key = key;
    return column.values;
  }

  boolean(values: NativeBytes, value: boolean): boolean {
    const text = value ? TRUE : FALSE;
    values.byte(text.length);
    values.raw(text, 0, text.length);
    if (!this.#beginExact()) return false;
    this.exact.raw(text, 0, text.length);
    this.exact.byte(0x5d);
    return true;
  }

  /** @param digits of an int64, as `String` writes it */
  int(values: NativeBytes, digits: string): boolean {
    values.byte(digits.length);
    values.latin1(digits);
    if (!this.#beginExact()) return false;
    this.exact.raw(INT, 0, INT.length);
    this.exact.latin1(digits);
    this.exact.raw(INT_END, 0, INT_END.length);
    return true;
  }

  double(values: NativeBytes, value: number): boolean {
    if (!Number.isFinite(value) || Object.is(value, -0)) return false;
    const text = String(value);
    values.byte(text.length);
    values.latin1(text);
    if (!this.#beginExact()) return false;
    this.exact.raw(DOUBLE, 0, DOUBLE.length);
    this.exact.latin1(text);
    this.exact.raw(VALUE_END, 0, VALUE_END.length);
    return true;
  }

  /** @param json a list of texts */
  list(values: NativeBytes, json: NativeBytes): boolean {
    values.varint(json.length);
    values.raw(json.bytes, 0, json.length);
    if (!this.#beginExact()) return false;
    this.exact.raw(LIST, 0, LIST.length);
    this.exact.raw(json.bytes, 0, json.length);
    this.exact.raw(VALUE_END, 0, VALUE_END.length);
    return true;
  }

  #beginExact(): boolean {
    const begin = this.#keysSeen.beginOfValue(this.#key);
    if (begin === undefined) return false;
    this.exact.raw(begin, 0, begin.length);
    return true;
  }
}

/** What a small array of bytes takes, about. */
const BYTES_OF_BEGIN = 128;

/** Which keys of a dictionary a list of attributes has had, and how their exact values begin. */
class KeysSeen {
  #lists = new Uint32Array(64);
  #list = 0;
  /** By key: `,["key",`; null for a key that JSON escapes. */
  #begins: (Uint8Array | null | undefined)[] = [];
  #dictionary: LowCardinalityColumn | undefined;
  #generation = -1;

  get capacity(): number {
    return this.#lists.byteLength + this.#begins.length * BYTES_OF_BEGIN;
  }

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
export function isPlainJson(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return false;
  }
  return true;
}
