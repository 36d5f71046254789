import { ClickHouseError } from "./clickHouseError.js";
import type { EngineConnection } from "./engine.js";
import type { RequestParameters } from "./requestParameters.js";
import type { Lease } from "./sessions.js";
import type { Statement } from "./statement.js";

/**
 * The setting that carries our mark into `system.processes`, where KILL QUERY finds the running statement by it. It only filters
 * server logs sent to native clients, of which there are none.
 */
export const tagSetting = "send_logs_source_regexp";

/** Long parameters arrive in a SET statement, which the default limit on a statement's text would cut off. */
const longStatement = 1 << 30;
const defaultMaxQuerySize = 262_144;

export function quoteString(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&").replaceAll("\0", "\\0")}'`;
}

export function quoteIdentifier(name: string): string {
  return `\`${name.replace(/[\\`]/g, "\\$&")}\``;
}

/** Settings that change others, or what may be set. */
const farReaching: ReadonlySet<string> = new Set([
  "readonly",
  "allow_ddl",
  "profile",
  "compatibility",
  tagSetting,
]);

/**
 * Requests of one shape can have a connection one after the other, as each sets all that another one set.
 * @returns undefined for a request whose connection is for it alone, because it leaves something else behind
 */
export function shapeOf(
  parameters: RequestParameters,
  statement: Statement,
  readOnlyMethod: boolean,
): string | undefined {
  if (readOnlyMethod || !(statement.isSelect || statement.kind === "INSERT")) return undefined;
  const settings = [...parameters.settings.keys()];
  if (settings.some((name) => farReaching.has(name))) return undefined;
  const names = [...parameters.queryParameters.keys()];
  return JSON.stringify([parameters.database ?? "", settings.sort(), names.sort()]);
}

/**
 * Brings what the request says of database, settings and parameters into force.
 * @returns what undoes it: nothing on a connection of the request's own, as that is thrown away
 * @throws {ClickHouseError} 81 no such database, 115 no such setting, 164 a setting that may not be changed, 456 no such parameter
 */
export function applyRequest(
  lease: Lease,
  parameters: RequestParameters,
  statement: Statement,
  text: Buffer,
  readOnlyMethod: boolean,
  tag: string,
): () => void {
  const { connection } = lease;
  const settings = new Map(parameters.settings);
  for (const name of settings.keys()) {
    if (!/^[A-Za-z_]\w*(\.\w+)*$/.test(name)) {
      throw new ClickHouseError(115, "UNKNOWN_SETTING", `Unknown setting '${name}'`);
    }
  }
  const undo = lease.isSession ? rememberState(connection, settings, parameters.database) : () => {};
  const readonly = Number(settings.get("readonly") ?? "0");
  if (lease.isSession) settings.delete("readonly");
  else if (readOnlyMethod && !(readonly > 0)) settings.set("readonly", "2");

  if (parameters.database !== undefined && !lease.isReused) {
    connection.runSync(`USE ${quoteIdentifier(parameters.database)}`);
  }
  const last = settings.get("readonly");
  settings.delete("readonly");
  settings.delete(tagSetting);
  try {
    const given = readQueryParameters(lease, parameters, statement, text);
    set(lease, given, settings, tag);
    // By itself, at the end: it forbids changing the others.
    if (last !== undefined) connection.runSync(`SET readonly = ${quoteString(last)}`);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/** Sets what is not in force already, in one statement; all settings if one differs, as some are others by another name. */
function set(
  { connection, inForce }: Lease,
  given: ReadonlyMap<string, string>,
  settings: ReadonlyMap<string, string>,
  tag: string,
): void {
  const differs = ([name, value]: readonly [string, string]) => inForce.get(name) !== value;
  const values = [
    ...[...given].filter(differs),
    ...([...settings].some(differs) ? settings : []),
    [tagSetting, tag] as const,
  ];
  const sql = `SET ${values.map(([name, value]) => `${name} = ${quoteString(value)}`).join(", ")}`;
  const isLong = sql.length * 3 > defaultMaxQuerySize;
  if (isLong) connection.runSync(`SET max_query_size = ${longStatement}`);
  connection.runSync(sql);
  if (isLong && !values.some(([name]) => name === "max_query_size")) {
    const limit = settings.get("max_query_size") ?? String(defaultMaxQuerySize);
    connection.runSync(`SET max_query_size = ${quoteString(limit)}`);
  }
  for (const [name, value] of values) inForce.set(name, value);
}

/**
 * The request's query parameters as the engine has them set.
 * @throws {ClickHouseError} 36 for a name that cannot be one, 456 for one that the statement names and the request does not give
 */
function readQueryParameters(
  { isSession, staleParameters }: Lease,
  { queryParameters }: RequestParameters,
  statement: Statement,
  text: Buffer,
): ReadonlyMap<string, string> {
  const stale = [...staleParameters].filter((name) => !queryParameters.has(name));
  if (stale.length > 0) {
    const sql = text.toString("utf8", 0, statement.insertData?.dataStart ?? statement.end);
    for (const name of stale) {
      if (new RegExp(`\\{\\s*${name}\\s*:`).test(sql)) {
        throw new ClickHouseError(456, "UNKNOWN_QUERY_PARAMETER", `Substitution \`${name}\` is not set.`);
      }
    }
  }
  const given = new Map<string, string>();
  for (const [name, value] of queryParameters) {
    if (!/^\w+$/.test(name)) {
      throw new ClickHouseError(
        36,
        "BAD_ARGUMENTS",
        `The query parameter's name '${name}' is not an identifier.`,
      );
    }
    if (isSession) staleParameters.add(name);
    given.set(`param_${name}`, value);
  }
  return given;
}

/** A session's own settings and database, to be put back behind a request that had others. */
function rememberState(
  connection: EngineConnection,
  settings: ReadonlyMap<string, string>,
  database: string | undefined,
): () => void {
  const undo: string[] = [];
  if (database !== undefined) {
    const current = JSON.parse(connection.runSync("SELECT currentDatabase() AS name", "JSONEachRow"));
    undo.push(`USE ${quoteIdentifier(current.name)}`);
  }
  const names = [...settings.keys()].filter((name) => name !== "readonly");
  if (names.length > 0) {
    const rows = connection
      .runSync(
        `SELECT name, value FROM system.settings WHERE name IN (${names.map(quoteString).join(", ")})`,
        "JSONEachRow",
      )
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { readonly name: string; readonly value: string });
    if (rows.length > 0) {
      undo.push(`SET ${rows.map(({ name, value }) => `${name} = ${quoteString(value)}`).join(", ")}`);
    }
  }
  return () => {
    for (const sql of undo) connection.runSync(sql);
  };
}
