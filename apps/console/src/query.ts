import { INSTANT_FORMAT, parseInstant, RequestError } from "@es/service";
import { type SpanKind, spanKinds } from "@es/trace-projection";

export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Inclusive, Unix nanoseconds. */
  readonly from?: bigint;
  /** Exclusive, Unix nanoseconds. */
  readonly to?: bigint;
  readonly status?: "ok" | "error" | "unset";
  readonly kind?: SpanKind;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const parameters = ["limit", "cursor", "from", "to", "status", "kind"];

/** @throws RequestError 400 `BAD_QUERY` */
export function readListQuery(query: Readonly<Record<string, string>>): ListQuery {
  const unknown = Object.keys(query).find((name) => !parameters.includes(name));
  if (unknown !== undefined) {
    throw badQuery(`There is no parameter ${JSON.stringify(unknown)}; there are ${parameters.join(", ")}`);
  }
  const { limit, cursor, from, to, status, kind } = query;
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : readLimit(limit),
    ...(cursor === undefined ? {} : { cursor }),
    ...(from === undefined ? {} : { from: readInstant("from", from) }),
    ...(to === undefined ? {} : { to: readInstant("to", to) }),
    ...(status === undefined ? {} : { status: readStatus(status) }),
    ...(kind === undefined ? {} : { kind: readKind(kind) }),
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

function readKind(value: string): SpanKind {
  const kind = spanKinds.find((known) => known === value);
  if (kind !== undefined) return kind;
  throw badQuery(`kind is ${JSON.stringify(value)}: expected one of ${spanKinds.join(", ")}`);
}

/** The request asks for something that cannot be; the message says what to write instead. */
function badQuery(message: string): RequestError {
  return new RequestError(400, "BAD_QUERY", message);
}
