/** What `parseInstant` reads, for messages. */
export const INSTANT_FORMAT =
  "a time such as 2026-01-31T12:00:00Z, or Unix nanoseconds such as 1780000000000000000";

/** Numbers are taken for nanoseconds of this century only: a number of seconds would silently be a moment of 1970. */
const FIRST = 946_684_800_000_000_000n;
const END = 4_102_444_800_000_000_000n;

/** Units that a number may be in by mistake, by how many nanoseconds they have. */
const otherUnits: readonly (readonly [name: string, nanoseconds: bigint])[] = [
  ["seconds", 1_000_000_000n],
  ["milliseconds", 1_000_000n],
  ["microseconds", 1_000n],
];

/**
 * Reads a date and time with its zone, as in RFC 3339, or Unix nanoseconds from 2000 to 2099, as Unix nanoseconds;
 * `undefined` for others, such as the 30th of February.
 */
export function parseInstant(text: string): bigint | undefined {
  if (/^\d{1,20}$/.test(text)) {
    const nanoseconds = BigInt(text);
    return isOfThisCentury(nanoseconds) ? nanoseconds : undefined;
  }
  const parts = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  if (parts === null) return undefined;
  const [, date, time, fraction = "", zone = ""] = parts;
  // `Date.parse` takes the 30th of February for the 2nd of March.
  const local = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(local) || new Date(local).toISOString() !== `${date}T${time}.000Z`) return undefined;
  const milliseconds = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  if (!(milliseconds >= 0)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** What to say of a text that {@link parseInstant} does not read: what was expected, and of a number in which unit it may be. */
export function instantFault(text: string): string {
  const number = /^\d{1,20}$/.test(text) ? BigInt(text) : undefined;
  const unit =
    number === undefined ? undefined : otherUnits.find(([, factor]) => isOfThisCentury(number * factor));
  if (number === undefined || unit === undefined) return `expected ${INSTANT_FORMAT}`;
  const [name, factor] = unit;
  return `expected ${INSTANT_FORMAT}; if these are ${name}, write ${number * factor} or ${formatInstant(number * factor)}`;
}

function isOfThisCentury(nanoseconds: bigint): boolean {
  return nanoseconds >= FIRST && nanoseconds < END;
}

/** The other way round: RFC 3339 in UTC, with as many digits as it takes. */
export function formatInstant(unixNanoseconds: bigint): string {
  const fraction = (unixNanoseconds % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const seconds = new Date(Number(unixNanoseconds / 1_000_000_000n) * 1_000).toISOString().slice(0, -5);
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
