import type { AttributeValue } from "@es/otlp";
import { type ExactAttributes, readExactValue, type TypedAttributes } from "./exactValue.js";

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

/** What the other columns cannot hold of a span, as it is read. Absent members have their default. */
export interface SpanDetails {
  readonly kind?: number;
  readonly flags?: number;
  readonly dropped?: readonly number[];
  readonly attributes?: TypedAttributes;
  readonly resource?: TypedAttributes;
  readonly resourceDropped?: number;
  readonly resourceSchemaUrl?: string;
  readonly scope?: readonly (readonly [string, AttributeValue])[];
  readonly scopeDropped?: number;
  readonly scopeSchemaUrl?: string;
  readonly events?: readonly (readonly [number, EventDetails])[];
  readonly links?: readonly (readonly [number, LinkDetails])[];
}

export interface EventDetails {
  readonly time?: string;
  readonly dropped?: number;
  readonly attributes?: TypedAttributes;
}

export interface LinkDetails {
  readonly flags?: number;
  readonly dropped?: number;
  readonly attributes?: TypedAttributes;
}

/** Checks a value and gives it as it is used. @throws Misfit */
type Read<T> = (value: unknown) => T;

/** Its path grows on its way out: what fits, which is nearly everything, pays nothing for it. */
class Misfit extends TypeError {
  #path = "";
  readonly #expected: string;

  constructor(expected: string) {
    super();
    this.#expected = expected;
  }

  within(step: string): this {
    this.#path = `${step}${this.#path}`;
    this.message = `${this.#path} should be ${this.#expected}`;
    return this;
  }
}

function readWithin<T>(step: string, read: Read<T>, value: unknown): T {
  try {
    return read(value);
  } catch (error) {
    throw error instanceof Misfit ? error.within(step) : new Misfit((error as Error).message).within(step);
  }
}

const uint32: Read<number> = (value) => {
  if (typeof value === "number" && value >>> 0 === value) return value;
  throw new Misfit("a uint32");
};
const int32: Read<number> = (value) => {
  if (typeof value === "number" && (value | 0) === value) return value;
  throw new Misfit("an int32");
};
const text: Read<string> = (value) => {
  if (typeof value === "string") return value;
  throw new Misfit("a string");
};
const time: Read<string> = (value) => {
  if (typeof value === "string" && /^\d{1,20}$/.test(value) && BigInt(value) < 2n ** 64n) return value;
  throw new Misfit("a uint64");
};
const listOf =
  <T>(item: Read<T>): Read<T[]> =>
  (value) => {
    if (!Array.isArray(value)) throw new Misfit("a list");
    return value.map((member, place) => readWithin(`[${place}]`, item, member));
  };
const pairOf =
  <A, B>(first: Read<A>, second: Read<B>): Read<[A, B]> =>
  (value) => {
    if (!Array.isArray(value) || value.length !== 2) throw new Misfit("a pair");
    return [readWithin("[0]", first, value[0]), readWithin("[1]", second, value[1])];
  };
const objectOf =
  <T extends object>(members: { readonly [Name in keyof T]-?: Read<NonNullable<T[Name]>> }): Read<T> =>
  (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Misfit("an object");
    const read: { -readonly [Name in keyof T]?: T[Name] } = {};
    for (const name of Object.keys(value)) {
      if (!Object.hasOwn(members, name)) throw new Misfit(`without ${JSON.stringify(name.slice(0, 32))}`);
      const known = name as keyof T & string;
      read[known] = readWithin(`.${name}`, members[known], (value as Record<string, unknown>)[name]);
    }
    return read as T;
  };

const threeCounts: Read<number[]> = (value) => {
  const counts = listOf(uint32)(value);
  if (counts.length !== 3) throw new Misfit("three counts");
  return counts;
};
const typedValues = listOf(pairOf(text, readExactValue));
const attributes = objectOf<TypedAttributes>({
  values: (value) => new Map(typedValues(value)),
  order: listOf(text),
});
const spanDetails = objectOf<SpanDetails>({
  kind: int32,
  flags: uint32,
  dropped: threeCounts,
  attributes,
  resource: attributes,
  resourceDropped: uint32,
  resourceSchemaUrl: text,
  scope: typedValues,
  scopeDropped: uint32,
  scopeSchemaUrl: text,
  events: listOf(pairOf(uint32, objectOf<EventDetails>({ time, dropped: uint32, attributes }))),
  links: listOf(pairOf(uint32, objectOf<LinkDetails>({ flags: uint32, dropped: uint32, attributes }))),
});

const NO_DETAILS: SpanDetails = {};

/**
 * Reads the column `Exact`: rows may have been written by others than us, and a span of other types than its type says
 * would fail somewhere else, or pass for another.
 *
 * @throws TypeError, SyntaxError for what no span was written as
 */
export function readExactSpan(column: string): SpanDetails {
  if (column === "") return NO_DETAILS;
  return readWithin("Exact", spanDetails, JSON.parse(column));
}
