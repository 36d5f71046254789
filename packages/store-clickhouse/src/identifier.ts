import { EventSourcingError } from "@es/core";

/** Letters, digits, `_`, `-` and `.`, so that no name ever needs escaping inside its backquotes. */
const identifier = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,199}$/u;

/** Names of databases, tables and columns come from code and options only; this is what keeps it so. */
export function quoteIdentifier(name: string): string {
  if (!identifier.test(name)) {
    throw new EventSourcingError(
      "INVALID_OPTIONS",
      `Not a usable name for a database, table or column: ${JSON.stringify(name)}. ` +
        "Use letters, digits, _, - and ., at most 200, starting with a letter, a digit or _.",
    );
  }
  return `\`${name}\``;
}

/** `database.table`, or the table of the client's own database. */
export function qualifiedName(database: string | undefined, table: string): string {
  return database === undefined
    ? quoteIdentifier(table)
    : `${quoteIdentifier(database)}.${quoteIdentifier(table)}`;
}

export function quoteString(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/**
 * That these columns hold UTF-8, as everything we write does. What does not would come back as another text: given back as
 * a cursor it names another place, and the same page comes again for ever.
 */
export function areText(...columns: readonly string[]): string {
  return columns.map((column) => `isValidUTF8(${column})`).join(" AND ");
}
