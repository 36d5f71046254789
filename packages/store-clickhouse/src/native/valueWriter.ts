import type { NativeBytes } from "./nativeBytes.js";

/**
 * Writes one value as ClickHouse's `RowBinary` has it. It takes what JSONEachRow takes of a column: integers as numbers or
 * decimals in a string, `Decimal` as a plain decimal in a string, maps as objects.
 *
 * @throws TypeError, RangeError for a value that the column cannot hold; what was written of it has to be taken back
 */
export type ValueWriter = (out: NativeBytes, value: unknown) => void;

/** For a column of this type, as ClickHouse spells it; `undefined` for types that are not written in binary here. */
export function valueWriter(type: string): ValueWriter | undefined {
  const match = /^(\w+)(?:\((.*)\))?$/.exec(type);
  const [, name, inner = ""] = match ?? [];
  switch (name) {
    case "String":
      return writeText;
    case "LowCardinality":
      return valueWriter(inner);
    case "Bool":
      return writeBool;
    case "UInt64":
      return writeUint64;
    case "Int64":
      return integerWriter(-(2n ** 63n), 2n ** 63n - 1n, 1);
    case "UInt256":
      return integerWriter(0n, 2n ** 256n - 1n, 4);
    case "Decimal":
      return decimalWriter(inner);
    case "Nullable":
      return nullableWriter(inner);
    case "Array":
      return arrayWriter(inner);
    case "Map":
      return mapWriter(inner);
    default:
      return undefined;
  }
}

function writeText(out: NativeBytes, value: unknown): void {
  if (typeof value !== "string") throw new TypeError(`${String(value)} is no text`);
  out.text(value);
}

function writeBool(out: NativeBytes, value: unknown): void {
  if (typeof value !== "boolean") throw new TypeError(`${String(value)} is neither true nor false`);
  out.byte(value ? 1 : 0);
}

const writeLargeUint64 = integerWriter(0n, 2n ** 64n - 1n, 1);

function writeUint64(out: NativeBytes, value: unknown): void {
  // Most are small.
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) out.count(value);
  else writeLargeUint64(out, value);
}

/** @param words of 64 bits */
function integerWriter(least: bigint, most: bigint, words: number): ValueWriter {
  return (out, value) => {
    const integer = integerOf(value);
    if (integer < least || integer > most) throw new RangeError(`${integer} is not from ${least} to ${most}`);
    writeWords(out, integer, words);
  };
}

function integerOf(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === "string" && /^-?\d+$/.test(value)) return BigInt(value);
  throw new TypeError(`${String(value)} is no integer`);
}

function writeWords(out: NativeBytes, integer: bigint, words: number): void {
  out.bigint(integer);
  for (let word = 1; word < words; word++) out.bigint(integer >> BigInt(64 * word));
}

/** Of up to 38 digits, which take 128 bits from 19 on. */
function decimalWriter(parameters: string): ValueWriter | undefined {
  const match = /^(\d+), ?(\d+)$/.exec(parameters);
  const [digits, places] = [Number(match?.[1]), Number(match?.[2])];
  if (!(digits >= 19 && digits <= 38)) return undefined;
  const limit = 10n ** BigInt(digits);
  return (out, value) => {
    const parts = typeof value === "string" ? /^(-?)(\d+)(?:\.(\d+))?$/.exec(value) : null;
    if (parts === null) throw new TypeError(`${String(value)} is no plain decimal in a string`);
    const [, sign, whole, fraction = ""] = parts;
    const amount = BigInt(`${whole}${fraction.padEnd(places, "0")}`);
    if (fraction.length > places || amount >= limit)
      throw new RangeError(`${value} does not fit Decimal(${parameters})`);
    writeWords(out, sign === "" ? amount : -amount, 2);
  };
}

function nullableWriter(type: string): ValueWriter | undefined {
  const write = valueWriter(type);
  return (
    write &&
    ((out, value) => {
      out.byte(value === null ? 1 : 0);
      if (value !== null) write(out, value);
    })
  );
}

function arrayWriter(type: string): ValueWriter | undefined {
  const write = valueWriter(type);
  return (
    write &&
    ((out, value) => {
      if (!Array.isArray(value)) throw new TypeError(`${String(value)} is no list`);
      out.varint(value.length);
      for (const item of value) write(out, item);
    })
  );
}

function mapWriter(types: string): ValueWriter | undefined {
  // The types of keys have no comma.
  const comma = types.indexOf(",");
  const writeKey = valueWriter(types.slice(0, comma));
  const writeMember = valueWriter(types.slice(comma + 1).trim());
  if (writeKey === undefined || writeMember === undefined) return undefined;
  return (out, value) => {
    if (typeof value !== "object" || value === null) throw new TypeError(`${String(value)} is no object`);
    const entries = Object.entries(value);
    out.varint(entries.length);
    for (const [key, member] of entries) {
      writeKey(out, key);
      writeMember(out, member);
    }
  };
}
