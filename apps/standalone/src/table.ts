const MAX_CELL_WIDTH = 28;

/** Rows with the same keys as a table for a terminal; long cells are cut with an ellipsis. */
export function formatTable(rows: readonly Readonly<Record<string, string>>[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const cells = [columns, ...rows.map((row) => columns.map((column) => fit(row[column] ?? "")))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => width(row[index] ?? ""))));
  const lines = cells.map((row) =>
    row
      .map((cell, index) => cell + " ".repeat((widths[index] ?? 0) - width(cell)))
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((columnWidth) => "─".repeat(columnWidth)).join("  "));
  return lines.join("\n");
}

function fit(text: string): string {
  const line = [...text.replace(/\s+/g, " ").trim()];
  return line.length <= MAX_CELL_WIDTH ? line.join("") : `${line.slice(0, MAX_CELL_WIDTH - 1).join("")}…`;
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return [...text].length;
}
