import { onOneLine } from "./printable.js";

type Row = Readonly<Record<string, string>>;

export interface TableOptions {
  /** Columns that are never cut, such as ids to copy. */
  readonly whole?: readonly string[];
}

const WIDEST_CELL = 32;
const NARROWEST_CELL = 10;

/** Rows with the same keys as a table at most `width` characters wide, if cutting long cells can bring that about. */
export function formatTable(rows: readonly Row[], width: number, { whole = [] }: TableOptions = {}): string {
  for (let cell = WIDEST_CELL; ; cell--) {
    const table = tableWithCells(rows, cell, whole);
    const fits = table.split("\n").every((line) => widthOf(line) <= width);
    if (fits || cell === NARROWEST_CELL) return table;
  }
}

function tableWithCells(rows: readonly Row[], maxCell: number, whole: readonly string[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const most = columns.map((column) => (whole.includes(column) ? Number.POSITIVE_INFINITY : maxCell));
  const cells = [
    columns,
    ...rows.map((row) => columns.map((column, index) => fit(row[column] ?? "", most[index] ?? maxCell))),
  ];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => widthOf(row[index] ?? ""))));
  const lines = cells.map((row) =>
    row
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - widthOf(cell)))
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((columnWidth) => "─".repeat(columnWidth)).join("  "));
  return lines.join("\n");
}

/** On one line; cut with an ellipsis if it is too long. */
function fit(text: string, max: number): string {
  const line = [...onOneLine(text)];
  return line.length <= max ? line.join("") : `${line.slice(0, max - 1).join("")}…`;
}

/** Characters, not UTF-16 units. */
function widthOf(text: string): number {
  return [...text].length;
}
