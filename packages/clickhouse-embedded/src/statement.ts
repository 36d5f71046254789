import { ClickHouseError } from "./clickHouseError.js";

export interface Token {
  readonly kind: "word" | "string" | "identifier" | "symbol";
  /** Words in upper case, symbols as they are, the rest empty. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** How many brackets are open around it. */
  readonly depth: number;
}

/**
 * The tokens of ClickHouse SQL from `from` on, comments and white space left out. `sql` may be a latin1 view of UTF-8 bytes: all
 * that matters here is ASCII, and offsets then count bytes.
 */
function* tokenize(sql: string, from = 0): Generator<Token> {
  let at = from;
  let depth = 0;
  while (at < sql.length) {
    const start = at;
    const c = sql.charCodeAt(at);
    if (c <= 32) {
      at += 1;
      continue;
    }
    const c2 = sql[at + 1];
    const char = sql[at] as string;
    if ((char === "-" && c2 === "-") || (char === "#" && (c2 === " " || c2 === "!"))) {
      const newline = sql.indexOf("\n", at);
      at = newline === -1 ? sql.length : newline + 1;
    } else if (char === "/" && c2 === "*") {
      const close = sql.indexOf("*/", at + 2);
      if (close === -1) throw syntaxError(start, "the comment is never closed");
      at = close + 2;
    } else if (char === "'" || char === '"' || char === "`") {
      at += 1;
      while (at < sql.length) {
        if (sql[at] === "\\") at += 2;
        else if (sql[at] !== char) at += 1;
        else if (sql[at + 1] === char) at += 2;
        else break;
      }
      if (at >= sql.length) throw syntaxError(start, `the ${char} is never closed`);
      at += 1;
      yield {
        kind: char === "'" ? "string" : "identifier",
        text: "",
        start,
        end: at,
        depth,
      };
    } else if (char === "$") {
      const tag = /\$\w*\$/y;
      tag.lastIndex = at;
      const opening = tag.exec(sql)?.[0];
      const close = opening === undefined ? -1 : sql.indexOf(opening, at + opening.length);
      at = opening === undefined || close === -1 ? at + 1 : close + opening.length;
      yield { kind: "string", text: "", start, end: at, depth };
    } else if (isWordCode(c)) {
      while (at < sql.length && isWordCode(sql.charCodeAt(at))) at += 1;
      yield { kind: "word", text: sql.slice(start, at).toUpperCase(), start, end: at, depth };
    } else {
      at += 1;
      if (char === ")" || char === "]" || char === "}") depth -= 1;
      yield { kind: "symbol", text: char, start, end: at, depth };
      if (char === "(" || char === "[" || char === "{") depth += 1;
    }
  }
}

/**
 * The tokens of a whole statement.
 * @throws {ClickHouseError} 62 for a comment or quotation that never ends
 */
export function tokensOf(sql: string): Generator<Token> {
  return tokenize(sql);
}

function isWordCode(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95 || c >= 128;
}

/** Where the data of an INSERT is and what it is. */
export interface InsertData {
  readonly format: string;
  /** Offset of the FORMAT (or VALUES) word, and before it of a SETTINGS clause: where FROM INFILE may stand. */
  readonly sourceAt: number;
  /** The clause from `sourceAt` up to the FORMAT or VALUES word, that is the SETTINGS clause or nothing. */
  readonly formatAt: number;
  readonly dataStart: number;
  /** The data goes straight into the table, so FROM INFILE can supply it; false for `SELECT … FROM input(…)`. */
  readonly direct: boolean;
}

/** What the HTTP front has to know of a statement; everything else is the engine's business. */
export interface Statement {
  /** Its first word, in upper case: SELECT, INSERT, CREATE… `(` for a bracketed select. */
  readonly kind: string;
  /** Offset just behind its last token, a closing semicolon left out. For an INSERT with data, the whole text. */
  readonly end: number;
  /** It only reads, and its result can be written by INTO OUTFILE. */
  readonly isSelect: boolean;
  /** Its FORMAT clause. */
  readonly format: { readonly name: string; readonly at: number } | undefined;
  /** Set for an INSERT that takes data, rather than a SELECT. */
  readonly insertData: InsertData | undefined;
}

const selectWords: ReadonlySet<string> = new Set(["SELECT", "WITH", "FROM", "("]);
const readOnlyWords: ReadonlySet<string> = new Set([
  ...selectWords,
  ..."SHOW DESCRIBE DESC EXISTS EXPLAIN CHECK USE SET VALUES".split(" "),
]);

/** What a statement can begin with. */
const statementWords: ReadonlySet<string> = new Set([
  ...readOnlyWords,
  ..."INSERT CREATE ATTACH REPLACE ALTER DROP DETACH UNDROP TRUNCATE RENAME EXCHANGE MOVE OPTIMIZE DELETE UPDATE".split(
    " ",
  ),
  ..."SYSTEM KILL GRANT REVOKE BACKUP RESTORE WATCH EXECUTE BEGIN START COMMIT ROLLBACK PARALLEL".split(" "),
]);

/** Behind these a table's name stands, even if it is "format". */
const tableWords: ReadonlySet<string> = new Set(["INTO", "TABLE", "."]);

/** Whether a statement of this kind may run for a client that is only allowed to read. */
export function isReadOnlyKind(statement: Statement): boolean {
  return statement.isSelect || (readOnlyWords.has(statement.kind) && !selectWords.has(statement.kind));
}

/**
 * Looks at one statement.
 * @throws {ClickHouseError} 62 for an empty or multi-statement text, 358 for INTO OUTFILE, 36 for FROM INFILE
 */
export function inspectStatement(sql: string): Statement {
  const tokens = tokenize(sql);
  const first = tokens.next();
  if (first.done === true || first.value.text === ";") throw emptyQuery();
  const kind = first.value.text;
  if (!statementWords.has(kind)) {
    // The engine answers some of these with success and nothing.
    throw syntaxError(first.value.start, "no statement begins like this");
  }
  if (kind === "INSERT") return inspectInsert(sql, tokens);

  const outer = [first.value];
  let end = first.value.end;
  for (const token of tokens) {
    if (token.depth === 0) {
      if (token.text === ";") {
        refuseMore(tokens);
        break;
      }
      if (token.text === "OUTFILE" && outer.at(-1)?.text === "INTO") {
        throw new ClickHouseError(358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed.");
      }
      outer.push(token);
    }
    end = token.end;
  }
  const inserts = outer.some((token) => token.text === "INSERT");
  return {
    kind,
    end,
    isSelect: selectWords.has(kind) && !inserts,
    format: formatClause(sql, outer),
    insertData: undefined,
  };
}

/** The FORMAT clause is the last thing in a statement but for SETTINGS. */
function formatClause(sql: string, outer: readonly Token[]): Statement["format"] {
  for (let i = outer.length - 2; i > 0; i -= 1) {
    const [before, word, name, after] = [outer[i - 1], outer[i], outer[i + 1], outer[i + 2]];
    if (word?.text !== "FORMAT" || before?.text === "AS" || before?.text === ".") continue;
    if (name?.kind !== "word" || (after !== undefined && after.text !== "SETTINGS")) continue;
    return { name: sql.slice(name.start, name.end), at: word.start };
  }
  return undefined;
}

function refuseMore(tokens: Generator<Token>): void {
  const extra = tokens.next();
  if (extra.done === true) return;
  throw syntaxError(extra.value.start, "multi-statements are not allowed, one request holds one statement");
}

function inspectInsert(sql: string, tokens: Generator<Token>): Statement {
  let beforeLast: Token | undefined;
  let last: Token | undefined;
  let settingsAt: number | undefined;
  let selects = false;
  let readsInput = false;
  for (const token of tokens) {
    if (token.depth === 0 && token.text === ";") {
      refuseMore(tokens);
      break;
    }
    if (selects && token.text === "INPUT") readsInput = true;
    if (token.depth === 0 && token.kind === "word") {
      if (token.text === "INFILE" && last?.text === "FROM") {
        throw new ClickHouseError(
          36,
          "BAD_ARGUMENTS",
          "FROM INFILE is not allowed: send the data in the request body.",
        );
      }
      if (token.text === "SELECT" || token.text === "WITH") selects = true;
      if (token.text === "SETTINGS" && !selects) settingsAt = token.start;
      const isValues = token.text === "VALUES" && !selects;
      const isFormat =
        last?.text === "FORMAT" &&
        last.depth === 0 &&
        !tableWords.has(beforeLast?.text ?? "INTO") &&
        (!selects || readsInput);
      if (isValues || isFormat) {
        const formatAt = isValues ? token.start : (last as Token).start;
        const dataStart = isValues ? token.end : skipToData(sql, token.end);
        const insertData = {
          format: isValues ? "Values" : sql.slice(token.start, token.end),
          sourceAt: settingsAt ?? formatAt,
          formatAt,
          dataStart,
          direct: !selects,
        };
        return {
          kind: "INSERT",
          end: sql.length,
          isSelect: false,
          format: undefined,
          insertData,
        };
      }
    }
    beforeLast = last;
    last = token;
  }
  return {
    kind: "INSERT",
    end: last?.end ?? sql.length,
    isSelect: false,
    format: undefined,
    insertData: undefined,
  };
}

/** As ClickHouse's parser does: blanks behind the format name, then at most one line break, are not data. */
function skipToData(sql: string, from: number): number {
  let at = from;
  while (sql[at] === " " || sql[at] === "\t" || sql[at] === "\f") at += 1;
  if (sql[at] === ";") at += 1;
  if (sql[at] === "\r") at += 1;
  if (sql[at] === "\n") at += 1;
  return at;
}

/**
 * The engine would take what follows a semicolon in VALUES data for another statement.
 * @throws {ClickHouseError} 27, as ClickHouse's own interface answers
 */
export function refuseStatementAfterValues(data: Buffer): void {
  if (!data.includes(0x3b)) return;
  let ended = false;
  for (const token of tokenize(data.toString("latin1"))) {
    if (ended) {
      throw new ClickHouseError(
        27,
        "CANNOT_PARSE_INPUT_ASSERTION_FAILED",
        "Cannot read data after semicolon: one request holds one statement.",
      );
    }
    ended = token.depth === 0 && token.text === ";";
  }
}

function syntaxError(at: number, why: string): ClickHouseError {
  return new ClickHouseError(62, "SYNTAX_ERROR", `Syntax error: failed at position ${at + 1}: ${why}.`);
}

function emptyQuery(): ClickHouseError {
  return new ClickHouseError(62, "SYNTAX_ERROR", "Empty query");
}
