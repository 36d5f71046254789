import { INSTANT_FORMAT, parseInstant, RequestError } from "@es/service";

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

/** @throws RequestError 400 `BAD_QUERY` */
export function readListQuery(query: Readonly<Record<string, string>>): ListQuery {
  const unknown = Object.keys(query).find((name) => !parameters.includes(name));
  if (unknown !== undefined) {
    throw badQuery(`There is no parameter ${JSON.stringify(unknown)}; there are ${parameters.join(", ")}`);
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

/** @throws RequestError 400 `BAD_QUERY` */
export function readTraceId(value: string): string {
  const traceId = value.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId)) {
    throw badQuery(`${JSON.stringify(value)} is not a trace id: 32 hexadecimal digits`);
  }
  return traceId;
}

function readLimit(value: string): number {
  const limit = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw badQuery(`limit is ${JSON.stringify(value)}: expected a number from 1 to ${MAX_LIMIT}`);
  }
  return limit;
}

function readInstant(name: string, value: string): bigint {
  const instant = parseInstant(value);
  if (instant !== undefined) return instant;
  throw badQuery(`${name} is ${JSON.stringify(value)}: expected ${INSTANT_FORMAT}`);
}

function readStatus(value: string): "ok" | "error" | "unset" {
  if (value === "ok" || value === "error" || value === "unset") return value;
  throw badQuery(`status is ${JSON.stringify(value)}: expected ok, error or unset`);
}

/** The request asks for something that cannot be; the message says what to write instead. */
function badQuery(message: string): RequestError {
  return new RequestError(400, "BAD_QUERY", message);
}
