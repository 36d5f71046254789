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

/** ClickHouse's numbers, from its ErrorCodes.cpp. What is not listed is `STORE_REJECTED`. */
const codesOfEngine: ReadonlyMap<number, StoreErrorCode> = new Map<number, StoreErrorCode>([
  ...codes("STORE_UNAVAILABLE", [
    95, // CANNOT_READ_FROM_SOCKET
    96, // CANNOT_WRITE_TO_SOCKET
    198, // DNS_ERROR
    209, // SOCKET_TIMEOUT
    210, // NETWORK_ERROR
    225, // NO_ZOOKEEPER
    236, // ABORTED
    242, // TABLE_IS_READ_ONLY
    279, // ALL_CONNECTION_TRIES_FAILED
    285, // TOO_FEW_LIVE_REPLICAS
    286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
    319, // UNKNOWN_STATUS_OF_INSERT
    394, // QUERY_WAS_CANCELLED
    369, // ALL_REPLICAS_ARE_STALE
    415, // ALL_REPLICAS_LOST
    999, // KEEPER_EXCEPTION
  ]),
  ...codes("STORE_OVERLOADED", [
    159, // TIMEOUT_EXCEEDED
    160, // TOO_SLOW
    173, // CANNOT_ALLOCATE_MEMORY
    201, // QUOTA_EXCEEDED
    202, // TOO_MANY_SIMULTANEOUS_QUERIES
    203, // NO_FREE_CONNECTION
    241, // MEMORY_LIMIT_EXCEEDED
    243, // NOT_ENOUGH_SPACE
    252, // TOO_MANY_PARTS
    439, // CANNOT_SCHEDULE_TASK
    700, // USER_SESSION_LIMIT_EXCEEDED
    745, // SERVER_OVERLOADED
  ]),
  ...codes("STORE_SCHEMA_MISMATCH", [
    10, // NOT_FOUND_COLUMN_IN_BLOCK
    16, // NO_SUCH_COLUMN_IN_TABLE
    47, // UNKNOWN_IDENTIFIER
    60, // UNKNOWN_TABLE
    81, // UNKNOWN_DATABASE
  ]),
]);

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

const connectionFault =
  /socket hang up|timeout error|aborted|connect|ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOST|ENET|ERR_STREAM_PREMATURE_CLOSE|bad gateway|service unavailable|gateway time-?out/i;

/** Every error of a round trip, classified once. What already is of our family stays as it is. */
export function classifyClickHouseError(error: unknown, operation: Operation): EventSourcingError {
  if (isEventSourcingError(error)) return error;
  const { name, table, component } = operation;
  const where = `${name} on ${table}`;
  const fields = { operation: name, table };
  if (error instanceof ClickHouseError) {
    const number = Number(error.code);
    const code = codesOfEngine.get(number) ?? "STORE_REJECTED";
    return new EventSourcingError(
      code,
      `ClickHouse refused (${where}): ${trimmed(error.message)} (${error.code} ${error.type ?? ""})${adviceFor(code, number, component)}`,
      { cause: error, fields: { ...fields, clickhouseCode: number, clickhouseType: error.type } },
    );
  }
  const reason = reasonOf(error);
  if (connectionFault.test(reason)) {
    return new EventSourcingError(
      "STORE_UNAVAILABLE",
      `ClickHouse cannot be reached (${where}): ${reason}. Check that it runs and that the client's url is right.`,
      { cause: error, fields },
    );
  }
  return new EventSourcingError("STORE_REJECTED", `ClickHouse call failed (${where}): ${reason}`, {
    cause: error,
    fields,
  });
}

/** Whether doing the same for fewer aggregates might succeed for some: one's data may be at fault, or their sum too large. */
export function mayBeFaultOfOne(error: EventSourcingError): boolean {
  const number = error.fields.clickhouseCode;
  if (typeof number !== "number") return false;
  if (number === MEMORY_LIMIT_EXCEEDED || number === TOO_LARGE) return true;
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

function codes(code: StoreErrorCode, numbers: readonly number[]): [number, StoreErrorCode][] {
  return numbers.map((number) => [number, code]);
}
