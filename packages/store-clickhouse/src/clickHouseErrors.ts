import { ClickHouseError } from "@clickhouse/client";
import { EventSourcingError, type EventSourcingErrorCode, isEventSourcingError } from "@es/core";

/** Where an error happened, for its message. */
export interface Operation {
  /** Such as `storeEvents`. */
  readonly name: string;
  /** The table, with its database if that was given. */
  readonly table: string;
  /** Whose migrations make the table. */
  readonly component: string;
}

type StoreErrorCode = Extract<EventSourcingErrorCode, `STORE_${string}`>;

type EngineErrorNames = Readonly<Partial<Record<StoreErrorCode, Readonly<Record<number, string>>>>>;

/** ClickHouse's numbers and names, from its ErrorCodes.cpp. What is not listed is `STORE_REJECTED`. */
export const engineErrors = {
  STORE_UNAVAILABLE: {
    74: "CANNOT_READ_FROM_FILE_DESCRIPTOR",
    75: "CANNOT_WRITE_TO_FILE_DESCRIPTOR",
    76: "CANNOT_OPEN_FILE",
    86: "RECEIVED_ERROR_FROM_REMOTE_IO_SERVER",
    88: "CANNOT_TRUNCATE_FILE",
    95: "CANNOT_READ_FROM_SOCKET",
    96: "CANNOT_WRITE_TO_SOCKET",
    172: "CANNOT_CREATE_DIRECTORY",
    198: "DNS_ERROR",
    204: "CANNOT_FSYNC",
    209: "SOCKET_TIMEOUT",
    210: "NETWORK_ERROR",
    225: "NO_ZOOKEEPER",
    234: "NO_REPLICA_HAS_PART",
    236: "ABORTED",
    242: "TABLE_IS_READ_ONLY",
    244: "UNEXPECTED_ZOOKEEPER_ERROR",
    254: "NO_ACTIVE_REPLICAS",
    265: "NO_AVAILABLE_REPLICA",
    279: "ALL_CONNECTION_TRIES_FAILED",
    285: "TOO_FEW_LIVE_REPLICAS",
    286: "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE",
    289: "REPLICA_IS_NOT_IN_QUORUM",
    294: "CANNOT_WRITE_TO_FILE",
    297: "SHARD_HAS_NO_CONNECTIONS",
    319: "UNKNOWN_STATUS_OF_INSERT",
    369: "ALL_REPLICAS_ARE_STALE",
    394: "QUERY_WAS_CANCELLED",
    415: "ALL_REPLICAS_LOST",
    416: "REPLICA_STATUS_CHANGED",
    425: "SYSTEM_ERROR",
    473: "DEADLOCK_AVOIDED",
    499: "S3_ERROR",
    500: "AZURE_BLOB_STORAGE_ERROR",
    586: "CANNOT_CREATE_FILE",
    735: "QUERY_WAS_CANCELLED_BY_CLIENT",
    763: "SESSION_REFUSED",
    904: "TOO_MANY_UNAVAILABLE_SHARDS",
    999: "KEEPER_EXCEPTION",
  },
  STORE_OVERLOADED: {
    159: "TIMEOUT_EXCEEDED",
    160: "TOO_SLOW",
    173: "CANNOT_ALLOCATE_MEMORY",
    201: "QUOTA_EXCEEDED",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    203: "NO_FREE_CONNECTION",
    241: "MEMORY_LIMIT_EXCEEDED",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
    364: "RECEIVED_ERROR_TOO_MANY_REQUESTS",
    439: "CANNOT_SCHEDULE_TASK",
    574: "DISTRIBUTED_TOO_MANY_PENDING_BYTES",
    700: "USER_SESSION_LIMIT_EXCEEDED",
    745: "SERVER_OVERLOADED",
    749: "TCP_CONNECTION_LIMIT_REACHED",
    762: "HTTP_CONNECTION_LIMIT_REACHED",
    777: "MEMORY_RESERVATION_KILLED",
    778: "MEMORY_RESERVATION_FAILED",
  },
  STORE_SCHEMA_MISMATCH: {
    10: "NOT_FOUND_COLUMN_IN_BLOCK",
    16: "NO_SUCH_COLUMN_IN_TABLE",
    47: "UNKNOWN_IDENTIFIER",
    60: "UNKNOWN_TABLE",
    81: "UNKNOWN_DATABASE",
    218: "TABLE_IS_DROPPED",
  },
} as const satisfies EngineErrorNames;

const codesOfEngine: ReadonlyMap<number, StoreErrorCode> = new Map(
  Object.entries(engineErrors).flatMap(([code, names]) =>
    Object.keys(names).map((number) => [Number(number), code as StoreErrorCode] as const),
  ),
);

/** Errors that have nothing to do with the data of any one aggregate: looking for a culprit would find none. */
const neverOneAggregates: ReadonlySet<number> = new Set([
  62, // SYNTAX_ERROR
  115, // UNKNOWN_SETTING
  164, // READONLY
  192, // UNKNOWN_USER
  193, // WRONG_PASSWORD
  194, // REQUIRED_PASSWORD
  452, // SETTING_CONSTRAINT_VIOLATION
  497, // ACCESS_DENIED
  516, // AUTHENTICATION_FAILED
]);

const authentication: ReadonlySet<number> = new Set([192, 193, 194, 516]);

/** TOO_MANY_ROWS_OR_BYTES: the result is larger than the request allows. */
const TOO_LARGE = 396;
const MEMORY_LIMIT_EXCEEDED = 241;
const TIMEOUT_EXCEEDED = 159;
const TOO_SLOW = 160;
const needingLess: ReadonlySet<number> = new Set([MEMORY_LIMIT_EXCEEDED, TIMEOUT_EXCEEDED, TOO_SLOW]);
/** Limits over all queries: no single one is at fault. */
const sharedMemory = /\(total\)|total memory limit|user memory limit|memory limit for (the )?user/i;
/** With what ClickHouse reports what the system or a library told it. */
const fromBelow: ReadonlySet<number> = new Set([1000, 1001, 1002]);
const systemFault =
  /read-only file ?system|no space left|input\/output error|errno: (5|28|30)\b|connection re|broken pipe|timeout/i;

const connectionFault =
  /socket hang up|timeout error|aborted|connect|premature|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOST|ENET|EPROTO|EMFILE|ENFILE|ERR_STREAM_|ERR_SOCKET/i;
/** What proxies and balancers say in their own words, often as a page. */
const proxyFault =
  /bad gateway|service (temporarily )?unavailable|gateway time-?out|internal server error|no healthy upstream|upstream (request timeout|connect)|request timeout/i;
const tooManyRequests = /too many requests|limit exceeded/i;
const page = /^\s*<(!doctype|html)/i;
const clientFault = /\b4\d\d\b/;

/** Whether ClickHouse gave up because the result is larger than the request allows. */
export function isResultTooLarge(error: unknown): boolean {
  return error instanceof ClickHouseError && Number(error.code) === TOO_LARGE;
}

/** Every error of a round trip, classified once. What already is of our family stays as it is. */
export function classifyClickHouseError(error: unknown, operation: Operation): EventSourcingError {
  if (isEventSourcingError(error)) return error;
  const { name, table, component } = operation;
  const where = `${name} on ${table}`;
  const fields = { operation: name, table };
  if (error instanceof ClickHouseError) {
    const number = Number(error.code);
    const below = fromBelow.has(number) && systemFault.test(error.message);
    const code = codesOfEngine.get(number) ?? (below ? "STORE_UNAVAILABLE" : "STORE_REJECTED");
    return new EventSourcingError(
      code,
      `ClickHouse refused (${where}): ${trimmed(error.message)} (${error.code} ${error.type ?? ""})${adviceFor(code, number, component)}`,
      { cause: error, fields: { ...fields, clickhouseCode: number, clickhouseType: error.type } },
    );
  }
  const reason = reasonOf(error);
  const code = codeOfWords(error, reason);
  if (code === "STORE_OVERLOADED") {
    return new EventSourcingError(code, `What answers for ClickHouse has no room (${where}): ${reason}.`, {
      cause: error,
      fields,
    });
  }
  if (code === "STORE_UNAVAILABLE") {
    return new EventSourcingError(
      code,
      `ClickHouse cannot be reached (${where}): ${reason}. Check that it runs and that the client's url is right.`,
      { cause: error, fields },
    );
  }
  return new EventSourcingError("STORE_REJECTED", `ClickHouse call failed (${where}): ${reason}`, {
    cause: error,
    fields,
  });
}

/** By what it says: the client passes on text that is not ClickHouse's, but not the status it came with. */
function codeOfWords(error: unknown, reason: string): StoreErrorCode {
  if (!(error instanceof Error) || error instanceof TypeError || error instanceof RangeError) {
    return "STORE_REJECTED";
  }
  if (tooManyRequests.test(reason)) return "STORE_OVERLOADED";
  if (connectionFault.test(reason) || proxyFault.test(reason)) return "STORE_UNAVAILABLE";
  // A page, an empty answer, or a result that ends in the middle: whoever answered, it was not a well ClickHouse.
  const foreign = error.message.trim() === "" || page.test(error.message) || error instanceof SyntaxError;
  return foreign && !clientFault.test(reason) ? "STORE_UNAVAILABLE" : "STORE_REJECTED";
}

/** Whether the engine, or what stands before it, has too much to do. */
export function isOverload(error: unknown): boolean {
  return isEventSourcingError(error, "STORE_OVERLOADED");
}

/** Whether doing the same for fewer aggregates might succeed for some: one's data may be at fault, or their sum too large. */
export function mayBeFaultOfOne(error: EventSourcingError): boolean {
  const number = error.fields.clickhouseCode;
  if (typeof number !== "number") return false;
  if (number === MEMORY_LIMIT_EXCEEDED) return !sharedMemory.test(error.message);
  if (number === TOO_LARGE || number === TIMEOUT_EXCEEDED || number === TOO_SLOW) return true;
  return error.code === "STORE_REJECTED" && !neverOneAggregates.has(number);
}

/** Whether the same query over fewer aggregates might succeed: it took too much memory or time. */
export function mayNeedLess(error: unknown): boolean {
  return isEventSourcingError(error) && needingLess.has(Number(error.fields.clickhouseCode));
}

function adviceFor(code: StoreErrorCode, number: number, component: string): string {
  if (code === "STORE_SCHEMA_MISMATCH") {
    return `. The schema is not the one this version needs: run the migrations of "${component}" with migrate().`;
  }
  if (authentication.has(number)) return ". Check the user name and the password the client was made with.";
  if (number === 497) return ". Grant this to the user the client was made with.";
  return "";
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // Node reports several failed addresses as one error without a message.
  const inner = error instanceof AggregateError ? error.errors.map(reasonOf).join("; ") : "";
  return trimmed([error.message, inner, error.message.includes(code) ? "" : code].filter(Boolean).join(" "));
}

/** Engine errors may quote the data they failed on. */
function trimmed(message: string): string {
  const text = message.trim();
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
