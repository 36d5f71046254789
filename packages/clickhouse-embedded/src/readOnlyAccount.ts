import { ClickHouseError } from "./clickHouseError.js";
import type { Engine } from "./engine.js";
import type { RequestParameters } from "./requestParameters.js";
import { tokensOf } from "./statement.js";

/** In force for every request of the read-only account, which can change none of them. */
const fixedSettings: Readonly<Record<string, string>> = {
  max_execution_time: "60",
  max_memory_usage: "2000000000",
  max_threads: "2",
  allow_introspection_functions: "0",
  allow_ddl: "0",
};

/** What a request may set: how its answer is written, and nothing the engine does to make it. */
const freeSettings: ReadonlySet<string> = new Set([
  "date_time_output_format",
  "enable_http_compression",
  "http_headers_progress_interval_ms",
  "http_zlib_compression_level",
  "join_use_nulls",
  "output_format_json_escape_forward_slashes",
  "output_format_json_named_tuples_as_objects",
  "output_format_json_quote_64bit_floats",
  "output_format_json_quote_64bit_integers",
  "output_format_json_quote_decimals",
  "output_format_json_quote_denormals",
  "send_progress_in_http_headers",
  "session_timezone",
]);

/** Table functions that read what is in the statement or in the tables it names, and nothing else. */
const localTableFunctions: ReadonlySet<string> = new Set(
  "format generaterandom generateseries generate_series mergetreeindex null numbers numbers_mt primes sqlstandardvalues values view viewifpermitted zeros zeros_mt".split(
    " ",
  ),
);

/** Functions that read files, call other programs or addresses, ask for tables by name, or only cost time. */
const refusedFunctions: ReadonlySet<string> = new Set(
  "catboostevaluate evalmlmethod file hascolumnintable logtrace showcertificate sleep sleepeachrow".split(
    " ",
  ),
);
const refusedFunctionNames = /^(?:ai(?:classify|embed|extract|generate|translate)|dict)/;
/** By exact case, so that `airport` stays: functions of this family to come. */
const aiFunctionName = /^(?:ai|AI)[A-Z]/;

const selectKinds: ReadonlySet<string> = new Set(["SELECT", "WITH", "FROM", "("]);
/** They look at a table without reading it, and so without the engine's check whether that is allowed. */
const namingKinds: ReadonlySet<string> = new Set(["SHOW", "DESCRIBE", "DESC", "EXISTS"]);
const namingWords: ReadonlySet<string> = new Set(
  "SHOW DESCRIBE DESC EXISTS TABLE TABLES DATABASE DATABASES CREATE VIEW COLUMNS FULL FROM IN LIKE NOT ILIKE LIMIT FORMAT".split(
    " ",
  ),
);

/** Engines whose tables hold their rows here. */
const localEngine =
  /^(?:\w*MergeTree|Memory|Log|TinyLog|StripeLog|Set|Join|Null|View|MaterializedView|System\w*)$/;
const localDatabaseEngine = /^(?:Atomic|Ordinary|Memory|Overlay|Replicated)$/;

/** What there is in the engine, by name. */
interface Catalog {
  readonly tables: ReadonlySet<string>;
  readonly databases: ReadonlySet<string>;
  /** Tables, views, databases, dictionaries and functions that reach beyond the engine's own data. */
  readonly reachingOut: ReadonlySet<string>;
  readonly formats: ReadonlySet<string>;
}

/** Why a text may not run; undefined if it may. */
type Verdict = string | undefined;

/**
 * Guards the account that is offered to other tools. The engine runs its requests with `readonly=1`, which leaves open: functions and
 * descriptions that read files, tables made of them, SETTINGS of a subquery, SYSTEM and KILL. This is refused here, by what can be called
 * and named rather than by how it is written. What the engine does not know how to read does not pass either.
 */
export class ReadOnlyAccount {
  readonly #engine: Engine;
  readonly #tableFunctions: ReadonlySet<string>;
  #catalog: { readonly generation: number; readonly catalog: Catalog } | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#tableFunctions = new Set(
      column(engine, "SELECT name FROM system.table_functions")
        .map((name) => name.toLowerCase())
        .filter((name) => !localTableFunctions.has(name)),
    );
  }

  /**
   * The settings of a request, to be set before the statement runs.
   * @throws {ClickHouseError} 164 for a session or a setting that is not free
   */
  settings({ settings, session }: RequestParameters): ReadonlyMap<string, string> {
    if (session !== undefined) throw refusal("sessions are not for this account");
    const merged = new Map(Object.entries(fixedSettings));
    for (const [name, value] of settings) {
      if (name === "readonly" && value !== "0") continue;
      if (name === "max_execution_time" && Number(value) > 0 && Number(value) <= Number(fixedSettings[name]))
        merged.set(name, value);
      else if (freeSettings.has(name)) merged.set(name, value);
      else if (fixedSettings[name] !== value)
        throw refusal(`Cannot modify '${name}' setting in readonly mode`);
    }
    merged.set("readonly", "1");
    return merged;
  }

  /**
   * @param generation changes whenever tables may have
   * @throws {ClickHouseError} 164 for a statement that does more than read the engine's own data
   */
  assertReads(sql: string, generation: number): void {
    if (this.#catalog?.generation !== generation)
      this.#catalog = { generation, catalog: this.#readCatalog() };
    const { catalog } = this.#catalog;
    const kind = tokensOf(sql).next().value?.text ?? "";
    if (!selectKinds.has(kind) && !namingKinds.has(kind)) throw refusal(`${kind} is not for this account`);
    const verdict =
      this.#judge(sql, catalog.reachingOut, { settings: false }) ??
      (namingKinds.has(kind) ? judgeNames(sql, catalog) : undefined);
    if (verdict !== undefined) throw refusal(verdict);
  }

  #judge(sql: string, reachingOut: ReadonlySet<string>, allow: { readonly settings: boolean }): Verdict {
    const tokens = [...tokensOf(sql)];
    for (const [index, token] of tokens.entries()) {
      const previous = tokens[index - 1]?.text;
      const isCall = tokens[index + 1]?.text === "(";
      const source = sql.slice(token.start, token.end);
      if (token.kind === "string" && source.startsWith("$"))
        return "$ is for parameters of other programs only; quote it";
      // Escapes and doubled quotes end x'…' and b'…', which the engine reads to the first quote.
      const before = tokens[index - 1];
      const isAdjacent = before?.kind === "word" && before.end === token.start;
      if (token.kind === "string" && isAdjacent && /^[XB]$/.test(before.text))
        return `${before.text}'…' is not for this account`;
      if (token.kind !== "word" && token.kind !== "identifier") continue;
      if (/[\x80-\uffff]/.test(token.kind === "word" ? source : ""))
        return "letters beyond ASCII have to be quoted";
      const name = nameOf(source, token.kind);
      if (name === undefined) return "escapes in quoted names are not allowed";
      if (token.kind === "identifier" && name.includes("/")) return "names of files are not allowed";
      const lower = name.toLowerCase();
      if (token.kind === "word" && previous !== ".") {
        if (token.text === "SETTINGS" && !allow.settings) return "SETTINGS are not for this account";
        if (token.text === "IDENTIFIER") return "parameters of the type Identifier are not for this account";
        if (token.text === "OUTFILE" || token.text === "INFILE") return `${token.text} is not allowed`;
      }
      const isRefused =
        refusedFunctions.has(lower) || refusedFunctionNames.test(lower) || aiFunctionName.test(name);
      // A function can be named without a call: arrayMap(file, …), * APPLY file.
      if (isRefused && (isCall || previous !== ".")) return `the function ${name} is not for this account`;
      if (isCall && this.#tableFunctions.has(lower))
        return `the table function ${name} is not for this account`;
      if (reachingOut.has(name)) return `${name} reaches beyond the engine's own data`;
    }
    return undefined;
  }

  #readCatalog(): Catalog {
    const tables = rows(
      this.#engine,
      "SELECT name, engine, create_table_query, as_select FROM system.tables WHERE database NOT IN ('INFORMATION_SCHEMA', 'information_schema')",
    ) as readonly (readonly [string, string, string, string])[];
    const databases = rows(this.#engine, "SELECT name, engine FROM system.databases") as readonly (readonly [
      string,
      string,
    ])[];
    const functions = column(this.#engine, "SELECT name FROM system.functions WHERE origin != 'System'");
    const reachingOut = new Set([
      ...functions,
      ...column(this.#engine, "SELECT name FROM system.dictionaries"),
      ...databases.filter(([, engine]) => !localDatabaseEngine.test(engine)).map(([name]) => name),
      ...tables
        .filter(([name, engine]) => !localEngine.test(engine) || name === "stack_trace")
        .map(([name]) => name),
    ]);
    const named = new Set(functions);
    const doubtful = tables.filter(([, engine]) => !engine.startsWith("System"));
    // A view of a view of a file is one, too.
    for (let before = -1; before !== reachingOut.size; ) {
      before = reachingOut.size;
      for (const [name, engine, create, select] of doubtful) {
        const isOut =
          engine === "View"
            ? this.#reachesOut(select, reachingOut, { settings: false })
            : this.#reachesOut(create, named, { settings: true });
        if (isOut) reachingOut.add(name);
      }
    }
    return {
      tables: new Set(tables.map(([name]) => name)),
      databases: new Set(databases.map(([name]) => name)),
      reachingOut,
      formats: new Set(column(this.#engine, "SELECT name FROM system.formats")),
    };
  }

  /** What cannot be read counts as reaching out. */
  #reachesOut(sql: string, reachingOut: ReadonlySet<string>, allow: { readonly settings: boolean }): boolean {
    try {
      return this.#judge(Buffer.from(sql).toString("latin1"), reachingOut, allow) !== undefined;
    } catch {
      return true;
    }
  }
}

/** A name that is no table of the engine may be a file's: the engine would open it to describe it. */
function judgeNames(sql: string, { tables, databases, formats }: Catalog): Verdict {
  for (const token of tokensOf(sql)) {
    if (token.text === "(") return "only tables can be described by this account";
    if (token.kind !== "word" && token.kind !== "identifier") continue;
    const name = nameOf(sql.slice(token.start, token.end), token.kind) ?? "";
    const isKnown =
      tables.has(name) ||
      databases.has(name) ||
      formats.has(name) ||
      /^\d+$/.test(name) ||
      (token.kind === "word" && namingWords.has(token.text));
    if (!isKnown) return `there is no table or database ${name}`;
  }
  return undefined;
}

/** The name a token stands for, as bytes in latin1; undefined if it is written with escapes. */
function nameOf(source: string, kind: "word" | "identifier"): string | undefined {
  if (kind === "word") return source;
  const quote = source[0] as string;
  const inner = source.slice(1, -1);
  return inner.includes("\\") ? undefined : inner.replaceAll(quote + quote, quote);
}

function rows(engine: Engine, sql: string): readonly (readonly string[])[] {
  const { data } = JSON.parse(engine.control.runSync(sql, "JSONCompact")) as {
    readonly data: readonly string[][];
  };
  return data;
}

function column(engine: Engine, sql: string): readonly string[] {
  return rows(engine, sql).map(([value]) => value as string);
}

function refusal(why: string): ClickHouseError {
  return new ClickHouseError(
    164,
    "READONLY",
    `The read-only account may read the engine's own tables only: ${why}.`,
  );
}
