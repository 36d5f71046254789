import { hostileIds } from "@es/testkit";
import type { Random } from "./random.js";

/** A row as JSONEachRow has it, 64-bit integers as strings. */
export type RawRow = Readonly<Record<string, unknown>>;

/** Stands for bytes that are no UTF-8 until the row is written. */
const NOT_UTF8 = "<not UTF-8>";
const notUtf8 = Buffer.from([0xff, 0xc0, 0x80, 0xed, 0xa0, 0x80]);

/** One JSONEachRow line; what is no UTF-8 goes into it as it is. */
export function encodeRow(row: RawRow): Buffer {
  const parts = `${JSON.stringify(row)}\n`.split(NOT_UTF8);
  return Buffer.concat(
    parts.flatMap((part, place) => [...(place === 0 ? [] : [notUtf8]), Buffer.from(part)]),
  );
}

/** The row with one column changed to another value of its type, whatever that may mean. */
export function mutateColumn(row: RawRow, column: string, type: string, random: Random): RawRow {
  const value = row[column];
  const group = /^(\w+)\./.exec(column)?.[1];
  if (group !== undefined && random.chance(40)) {
    // The arrays of a group must have one length: all of them are cut or made longer together.
    const length = random.pick([0, 1, 3]);
    const members = Object.entries(row).filter(([name]) => name.startsWith(`${group}.`));
    const changed = members.map(([name, list]) => [name, resized(list as readonly unknown[], length, name)]);
    return { ...row, ...Object.fromEntries(changed) };
  }
  return { ...row, [column]: otherValue(value, type, random) };
}

function resized(list: readonly unknown[], length: number, name: string): readonly unknown[] {
  const filler = name.endsWith("Attributes")
    ? {}
    : name.endsWith("Timestamp")
      ? "1970-01-01 00:00:00.000000000"
      : "";
  return Array.from({ length }, (_, place) => list[place] ?? filler);
}

function otherValue(value: unknown, type: string, random: Random): unknown {
  const array = /^Array\((.*)\)$/.exec(type)?.[1];
  if (array !== undefined) {
    const list = Array.isArray(value) ? value : [];
    // Of a group only the members may change, not their number.
    return list.length === 0 || !random.chance(60)
      ? list.map(() => otherValue("", array, random))
      : list.map((member) => (random.chance(50) ? otherValue(member, array, random) : member));
  }
  const inner = /^(?:LowCardinality|Nullable)\((.*)\)$/.exec(type)?.[1];
  if (inner !== undefined) {
    return type.startsWith("Nullable") && random.chance(30) ? null : otherValue(value, inner, random);
  }
  if (type.startsWith("Map(")) return otherMap(value as Readonly<Record<string, string>>, random);
  if (type.startsWith("DateTime64")) {
    return random.pick([
      "1900-01-01 00:00:00.000000000",
      "1970-01-01 00:00:00.000000000",
      "2262-04-11 23:47:16.854775807",
    ]);
  }
  if (type === "Bool") return value !== true;
  if (/^U?Int|^Decimal/.test(type)) {
    const bits = Number(/\d+/.exec(type)?.[0] ?? 64);
    const last = type.startsWith("Decimal")
      ? 10n ** 20n
      : 2n ** BigInt(type.startsWith("U") ? bits : bits - 1) - 1n;
    return String(random.pick([0n, 1n, last, last - 1n, last / 2n, -1n]));
  }
  return otherText(typeof value === "string" ? value : "", random);
}

function otherMap(map: Readonly<Record<string, string>>, random: Random): Readonly<Record<string, string>> {
  const entries = Object.entries(map ?? {});
  switch (random.below(4)) {
    case 0:
      return {};
    case 1:
      return Object.fromEntries(entries.filter(() => random.chance(50)));
    case 2:
      return Object.fromEntries([
        ...entries,
        [random.pick([...hostileIds, NOT_UTF8]), otherText("", random)],
      ]);
    default:
      return Object.fromEntries(entries.map(([key, member]) => [key, otherText(member, random)]));
  }
}

const texts = [
  "",
  "x",
  "0",
  "null",
  "[]",
  "{}",
  '"a"',
  "7",
  "true",
  "{",
  '{"a":',
  "\u0000",
  NOT_UTF8,
  `{"a":"${NOT_UTF8}"}`,
];

function otherText(value: string, random: Random): string {
  const json = parsed(value);
  switch (random.below(json === undefined ? 4 : 9)) {
    case 0:
      return random.pick(texts);
    case 1:
      return random.pick(hostileIds);
    case 2:
      return [...value].slice(0, random.below(value.length)).join("");
    case 3:
      return `${value}${random.pick(texts)}`;
    default: {
      let changed = json;
      for (let changes = 1 + random.below(2); changes > 0; changes--) changed = mutateJson(changed, random);
      return JSON.stringify(changed);
    }
  }
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const values: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  "",
  "x",
  "-1",
  [],
  [[]],
  [null],
  {},
  { int: "x" },
  { int: 5 },
  { int: "9223372036854775808" },
  { double: "abc" },
  { bytes: 7 },
  { list: 3 },
  { map: [1] },
  { map: [["a"]] },
  { int: "1", double: 2 },
];

/** Changes one place of a JSON value: another value, a member fewer, more, or under another name. */
function mutateJson(value: unknown, random: Random): unknown {
  if (typeof value !== "object" || value === null || random.chance(10)) return random.pick(values);
  if (Array.isArray(value)) {
    if (value.length === 0) return [random.pick(values)];
    const at = random.below(value.length);
    switch (random.below(4)) {
      case 0:
        return value.toSpliced(at, 1);
      case 1:
        return value.toSpliced(at, 0, random.pick(values));
      default:
        return value.with(at, mutateJson(value[at], random));
    }
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return { x: random.pick(values) };
  const at = random.below(entries.length);
  const [key, member] = entries[at] as [string, unknown];
  switch (random.below(5)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1));
    case 1:
      return Object.fromEntries(
        entries.with(at, [random.pick(["x", "__proto__", "kind", "values"]), member]),
      );
    default:
      return Object.fromEntries(entries.with(at, [key, mutateJson(member, random)]));
  }
}
