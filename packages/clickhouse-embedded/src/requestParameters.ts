import { ClickHouseError } from "./clickHouseError.js";

/** What a request's URL (and form) says, sorted by what it is for. */
export interface RequestParameters {
  /** The `query` parameter: the statement, or its beginning, the rest being in the body. */
  readonly query: string;
  readonly database: string | undefined;
  readonly queryId: string | undefined;
  readonly defaultFormat: string | undefined;
  readonly session: SessionRequest | undefined;
  /** `param_x=1` as `x` → `1`. */
  readonly queryParameters: ReadonlyMap<string, string>;
  readonly settings: ReadonlyMap<string, string>;
  readonly waitEndOfQuery: boolean;
  readonly compressResponse: boolean;
}

export interface SessionRequest {
  readonly id: string;
  readonly timeoutSeconds: number;
  readonly mustExist: boolean;
}

/** Parameters that are not settings of the engine; those without a use here are accepted and have no effect. */
const reserved: ReadonlySet<string> = new Set([
  "query",
  "query_id",
  "database",
  "default_format",
  "session_id",
  "session_timeout",
  "session_check",
  "user",
  "password",
  "quota_key",
  "role",
  "compress",
  "decompress",
  "buffer_size",
  "wait_end_of_query",
  "stacktrace",
  "client_protocol_version",
  "close_session",
]);

const defaultSessionSeconds = 60;
const longestSessionSeconds = 3600;

/**
 * @param url the URL's parameters
 * @param form fields of a multipart body; only `query` and `param_…` count there
 * @throws {ClickHouseError} 48 for what this server cannot do, 374 for a bad session timeout
 */
export function readParameters(url: URLSearchParams, form: ReadonlyMap<string, string>): RequestParameters {
  const queryParameters = new Map<string, string>();
  const settings = new Map<string, string>();
  for (const [name, value] of url) {
    if (name.startsWith("param_")) queryParameters.set(name.slice(6), value);
    else if (!reserved.has(name)) settings.set(name, value);
  }
  for (const [name, value] of form) {
    if (name.startsWith("param_")) queryParameters.set(name.slice(6), value);
  }
  for (const name of ["compress", "decompress"]) {
    if (isTrue(url.get(name))) {
      throw new ClickHouseError(
        48,
        "NOT_IMPLEMENTED",
        `${name}=1, ClickHouse's own block compression, is not supported by this server: use HTTP compression (Accept-Encoding with enable_http_compression=1, Content-Encoding).`,
      );
    }
  }
  if ((url.get("role") ?? "") !== "") {
    throw new ClickHouseError(
      512,
      "SET_NON_GRANTED_ROLE",
      `Role ${url.get("role")} is not granted: this server has no roles.`,
    );
  }
  return {
    query: url.get("query") ?? form.get("query") ?? "",
    database: url.get("database") || undefined,
    queryId: url.get("query_id") || undefined,
    defaultFormat: url.get("default_format") || undefined,
    session: readSession(url),
    queryParameters,
    settings,
    waitEndOfQuery: isTrue(url.get("wait_end_of_query")),
    compressResponse: isTrue(url.get("enable_http_compression")),
  };
}

export function isTrue(value: string | null): boolean {
  return value === "1" || value === "true";
}

function readSession(url: URLSearchParams): SessionRequest | undefined {
  const id = url.get("session_id");
  if (!id) return undefined;
  const given = url.get("session_timeout");
  const timeoutSeconds = given === null ? defaultSessionSeconds : Number(given);
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 0) {
    throw new ClickHouseError(374, "INVALID_SESSION_TIMEOUT", `Invalid session timeout: '${given}'`);
  }
  if (timeoutSeconds > longestSessionSeconds) {
    throw new ClickHouseError(
      374,
      "INVALID_SESSION_TIMEOUT",
      `Session timeout '${given}' is larger than max_session_timeout: ${longestSessionSeconds}. Maximum session timeout could be modified in configuration file.`,
    );
  }
  return { id, timeoutSeconds, mustExist: isTrue(url.get("session_check")) };
}
