type Row = Readonly<Record<string, string>>;

const WIDEST_CELL = 32;
const NARROWEST_CELL = 10;

/** Rows with the same keys as a table at most `width` characters wide, if cutting long cells can bring that about. */
export function formatTable(rows: readonly Row[], width: number): string {
  for (let cell = WIDEST_CELL; ; cell--) {
    const table = tableWithCells(rows, cell);
    const fits = table.split("\n").every((line) => widthOf(line) <= width);
    if (fits || cell === NARROWEST_CELL) return table;
  }
}

function tableWithCells(rows: readonly Row[], maxCell: number): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => fit(row[column] ?? "", maxCell)))];
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
  const line = [...text.replace(/\s+/g, " ").trim()];
  return line.length <= max ? line.join("") : `${line.slice(0, max - 1).join("")}…`;
}

/** Characters, not UTF-16 units. */
function widthOf(text: string): number {
  return [...text].length;
}
