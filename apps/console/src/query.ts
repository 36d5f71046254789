import { instantFault, parseInstant, RequestError } from "@es/host";
import { type ExplainOptions, type SpanKind, spanKinds } from "@es/trace-projection";

export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string;
  /** Inclusive, Unix nanoseconds. */
  readonly from?: bigint;
  /** Exclusive, Unix nanoseconds. */
  readonly to?: bigint;
  readonly status?: "ok" | "error" | "unset";
  readonly kind?: SpanKind;
  readonly includeMessages?: boolean;
}

export interface SpansQuery {
  readonly limit: number;
  readonly cursor?: string;
}

export interface SessionListQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly userId?: string;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;
const DEFAULT_SPANS = 1_000;
const MAX_SPANS = 10_000;
const MAX_CANDIDATES = 500;
const parameters = ["limit", "cursor", "from", "to", "status", "kind", "include"];
const sessionParameters = ["limit", "cursor", "user"];

/** @throws RequestError 400 `BAD_QUERY` */
export function readListQuery(query: Readonly<Record<string, string>>): ListQuery {
  refuseUnknown(query, parameters);
  const { limit, cursor, from, to, status, kind, include } = query;
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : readNumber("limit", limit, 1, MAX_LIMIT),
    ...(cursor === undefined ? {} : { cursor }),
    ...(from === undefined ? {} : { from: readInstant("from", from) }),
    ...(to === undefined ? {} : { to: readInstant("to", to) }),
    ...(status === undefined ? {} : { status: readStatus(status) }),
    ...(kind === undefined ? {} : { kind: readKind(kind) }),
    ...(include === undefined ? {} : { includeMessages: readInclude(include) }),
  };
}

/** @throws RequestError 400 `BAD_QUERY` */
export function readSpansQuery(query: Readonly<Record<string, string>>): SpansQuery {
  refuseUnknown(query, ["limit", "cursor"]);
  const { limit, cursor } = query;
  return {
    limit: limit === undefined ? DEFAULT_SPANS : readNumber("limit", limit, 1, MAX_SPANS),
    ...(cursor === undefined ? {} : { cursor }),
  };
}

/** @throws RequestError 400 `BAD_QUERY` */
export function readExplainQuery(query: Readonly<Record<string, string>>): ExplainOptions {
  refuseUnknown(query, ["candidates"]);
  const { candidates } = query;
  return candidates === undefined
    ? {}
    : { candidates: readNumber("candidates", candidates, 0, MAX_CANDIDATES) };
}

/** @throws RequestError 400 `BAD_QUERY` */
export function readSessionListQuery(query: Readonly<Record<string, string>>): SessionListQuery {
  refuseUnknown(query, sessionParameters);
  const { limit, cursor, user } = query;
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : readNumber("limit", limit, 1, MAX_LIMIT),
    ...(cursor === undefined ? {} : { cursor }),
    ...(user === undefined ? {} : { userId: user }),
  };
}

/** @throws RequestError 400 `BAD_QUERY` */
export function readSessionQuery(query: Readonly<Record<string, string>>): { readonly sessionId: string } {
  refuseUnknown(query, ["id"]);
  if (query.id === undefined || query.id === "") throw badQuery("id is missing: expected a session's id");
  return { sessionId: query.id };
}

/** @throws RequestError 400 `BAD_QUERY` */
export function readTraceId(value: string): string {
  const traceId = value.toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId)) {
    throw badQuery(`${JSON.stringify(value)} is not a trace id: 32 hexadecimal digits`);
  }
  return traceId;
}

function refuseUnknown(query: Readonly<Record<string, string>>, known: readonly string[]): void {
  const unknown = Object.keys(query).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw badQuery(`There is no parameter ${JSON.stringify(unknown)}; there are ${known.join(", ")}`);
}

function readNumber(name: string, value: string, least: number, most: number): number {
  const number = /^\d{1,6}$/.test(value) ? Number(value) : -1;
  if (number < least || number > most) {
    throw badQuery(`${name} is ${JSON.stringify(value)}: expected a number from ${least} to ${most}`);
  }
  return number;
}

function readInstant(name: string, value: string): bigint {
  const instant = parseInstant(value);
  if (instant !== undefined) return instant;
  throw badQuery(`${name} is ${JSON.stringify(value)}: ${instantFault(value)}`);
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

function readInclude(value: string): true {
  if (value === "messages") return true;
  throw badQuery(`include is ${JSON.stringify(value)}: expected messages`);
}

/** The request asks for something that cannot be; the message says what to write instead. */
function badQuery(message: string): RequestError {
  return new RequestError(400, "BAD_QUERY", message);
}
