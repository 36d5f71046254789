import { type ExactAttributes, type ExactValue, readExactValue } from "./exactValue.js";

/** What the exporter's columns cannot hold of a span. Absent members have their default. */
export interface ExactSpan {
  readonly kind?: number;
  readonly flags?: number;
  /** Dropped attributes, events and links. */
  readonly dropped?: readonly [number, number, number];
  readonly attributes?: ExactAttributes;
  readonly resource?: ExactAttributes;
  readonly resourceDropped?: number;
  readonly resourceSchemaUrl?: string;
  readonly scope?: readonly (readonly [string, ExactValue])[];
  readonly scopeDropped?: number;
  readonly scopeSchemaUrl?: string;
  readonly events?: readonly (readonly [number, ExactEvent])[];
  readonly links?: readonly (readonly [number, ExactLink])[];
}

export interface ExactEvent {
  readonly time?: string;
  readonly dropped?: number;
  readonly attributes?: ExactAttributes;
}

export interface ExactLink {
  readonly flags?: number;
  readonly dropped?: number;
  readonly attributes?: ExactAttributes;
}

type Check = (value: unknown, path: string) => void;

const uint32: Check = (value, path) => {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0xffffffff)
    fail(path, "a uint32");
};
const int32: Check = (value, path) => {
  if (!Number.isInteger(value) || (value as number) !== ((value as number) | 0)) fail(path, "an int32");
};
const text: Check = (value, path) => {
  if (typeof value !== "string") fail(path, "a string");
};
const time: Check = (value, path) => {
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value) || BigInt(value) >= 2n ** 64n)
    fail(path, "a uint64");
};
const exactValue: Check = (value, path) => {
  try {
    readExactValue(value);
  } catch (error) {
    fail(path, (error as Error).message);
  }
};
const listOf =
  (item: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) fail(path, "a list");
    for (const [place, member] of (value as unknown[]).entries()) item(member, `${path}[${place}]`);
  };
const pairOf =
  (first: Check, second: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value) || value.length !== 2) fail(path, "a pair");
    const [a, b] = value as [unknown, unknown];
    first(a, `${path}[0]`);
    second(b, `${path}[1]`);
  };
const objectOf =
  (members: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) fail(path, "an object");
    for (const [name, member] of Object.entries(value as object)) {
      const check = Object.hasOwn(members, name) ? members[name] : undefined;
      if (check === undefined) fail(path, `without ${JSON.stringify(name.slice(0, 32))}`);
      else check(member, `${path}.${name}`);
    }
  };

const dropped: Check = (value, path) => {
  listOf(uint32)(value, path);
  if ((value as unknown[]).length !== 3) fail(path, "three counts");
};
const attributes = objectOf({ values: listOf(pairOf(text, exactValue)), order: listOf(text) });
const exactSpan = objectOf({
  kind: int32,
  flags: uint32,
  dropped,
  attributes,
  resource: attributes,
  resourceDropped: uint32,
  resourceSchemaUrl: text,
  scope: listOf(pairOf(text, exactValue)),
  scopeDropped: uint32,
  scopeSchemaUrl: text,
  events: listOf(pairOf(uint32, objectOf({ time, dropped: uint32, attributes }))),
  links: listOf(pairOf(uint32, objectOf({ flags: uint32, dropped: uint32, attributes }))),
});

/**
 * Reads the column `Exact`: rows may have been written by others than us, and a span of other types than its type says
 * would fail somewhere else, or pass for another.
 *
 * @throws TypeError, SyntaxError for what no span was written as
 */
export function readExactSpan(column: string): ExactSpan {
  if (column === "") return {};
  const value: unknown = JSON.parse(column);
  exactSpan(value, "Exact");
  return value as ExactSpan;
}

function fail(path: string, expected: string): never {
  throw new TypeError(`${path} should be ${expected}`);
}
