/** What `parseInstant` reads, for messages. */
export const INSTANT_FORMAT = "a time such as 2026-01-31T12:00:00Z, or Unix nanoseconds";

/** A date and time with its zone, as in RFC 3339, or Unix nanoseconds, as Unix nanoseconds; `undefined` for others. */
export function parseInstant(text: string): bigint | undefined {
  if (/^\d{1,20}$/.test(text)) {
    const nanoseconds = BigInt(text);
    if (nanoseconds < 2n ** 64n) return nanoseconds;
  }
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text);
  if (parts === null) return undefined;
  const [, seconds, fraction = "", zone] = parts;
  const milliseconds = Date.parse(`${seconds}${zone?.toUpperCase()}`);
  if (!(milliseconds >= 0)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** The other way round: RFC 3339 in UTC, with as many digits as it takes. */
export function formatInstant(unixNanoseconds: bigint): string {
  const fraction = (unixNanoseconds % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  const seconds = new Date(Number(unixNanoseconds / 1_000_000_000n) * 1_000).toISOString().slice(0, -5);
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
