/** The request asks for something that cannot be; the message says what to write instead. */
export class BadQueryError extends Error {}

export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Inclusive, Unix nanoseconds. */
  readonly from?: bigint;
  /** Exclusive, Unix nanoseconds. */
  readonly to?: bigint;
  readonly status?: "ok" | "error" | "unset";
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const parameters = ["limit", "cursor", "from", "to", "status"];

/** @throws BadQueryError */
export function readListQuery(query: Readonly<Record<string, string>>): ListQuery {
  const unknown = Object.keys(query).find((name) => !parameters.includes(name));
  if (unknown !== undefined) {
    throw new BadQueryError(
      `There is no parameter ${JSON.stringify(unknown)}; there are ${parameters.join(", ")}`,
    );
  }
  const { limit, cursor, from, to, status } = query;
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : readLimit(limit),
    ...(cursor === undefined ? {} : { cursor }),
    ...(from === undefined ? {} : { from: readInstant("from", from) }),
    ...(to === undefined ? {} : { to: readInstant("to", to) }),
    ...(status === undefined ? {} : { status: readStatus(status) }),
  };
}

/** @throws BadQueryError */
export function readTraceId(value: string): string {
  const traceId = value.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId)) {
    throw new BadQueryError(`${JSON.stringify(value)} is not a trace id: 32 hexadecimal digits`);
  }
  return traceId;
}

function readLimit(value: string): number {
  const limit = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new BadQueryError(`limit is ${JSON.stringify(value)}: expected a number from 1 to ${MAX_LIMIT}`);
  }
  return limit;
}

/** A date and time with its zone, as in RFC 3339, or Unix nanoseconds. */
function readInstant(name: string, value: string): bigint {
  if (/^\d{1,20}$/.test(value)) {
    const nanoseconds = BigInt(value);
    if (nanoseconds < 2n ** 64n) return nanoseconds;
  }
  const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(value);
  if (parts !== null) {
    const [, seconds, fraction = "", zone] = parts;
    const milliseconds = Date.parse(`${seconds}${zone?.toUpperCase()}`);
    if (milliseconds >= 0) return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
  }
  throw new BadQueryError(
    `${name} is ${JSON.stringify(value)}: expected a time such as 2026-01-31T12:00:00Z, or Unix nanoseconds`,
  );
}

function readStatus(value: string): "ok" | "error" | "unset" {
  if (value === "ok" || value === "error" || value === "unset") return value;
  throw new BadQueryError(`status is ${JSON.stringify(value)}: expected ok, error or unset`);
}
