import type { ComparisonResult, ContenderResult, FigureDescription } from "./comparison.js";
import type { Machine } from "./machine.js";
import type { Report } from "./report.js";
import type { Summary } from "./statistics.js";

/** A table's cells, its head first. */
export type Cells = readonly (readonly string[])[];

/** One row per contender: median, and in brackets least and most of the rounds where they differ. */
export function comparisonCells(comparison: ComparisonResult): Cells {
  const { unit, figures, contenders } = comparison;
  const ours = contenders.find(({ role }) => role === "ours");
  const keys = [...new Set(contenders.flatMap((contender) => Object.keys(contender.figures)))].filter(
    (key) => key !== "rate",
  );
  const processes = [...new Set(contenders.flatMap((contender) => Object.keys(contender.processes)))];
  const hasUsage = processes.length > 0;
  const head = [
    "",
    `${unit}/s`,
    ...(contenders.length > 1 && ours !== undefined ? ["of ours"] : []),
    ...keys.map((key) => labelOf(figures[key], key)),
    ...(hasUsage ? [`CPU µs per ${singular(unit)}`, "most memory"] : []),
  ];
  return [
    head,
    ...contenders.map((contender) => [
      contender.name,
      withSpread(contender.figures.rate),
      ...(contenders.length > 1 && ours !== undefined ? [relative(contender, ours)] : []),
      ...keys.map((key) => withSpread(contender.figures[key])),
      ...(hasUsage ? [cpuOf(contender), memoryOf(contender)] : []),
    ]),
  ];
}

/** For a terminal. */
export function plainTable(cells: Cells): string {
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function describeComparison(comparison: ComparisonResult): string {
  const targets = comparison.targets.map(
    ({ says, value, met }) => `  ${met ? "met" : "NOT MET"}: ${says}: ${formatNumber(value)}`,
  );
  return [comparison.name, plainTable(comparisonCells(comparison)), ...targets].join("\n");
}

export function describeMachine({ cpu, cores, memoryBytes, system, node }: Machine): string {
  return `${cores} cores (${cpu}), ${formatBytes(memoryBytes)}, ${system}, Node.js ${node}`;
}

export function describeEngines({ engines }: Report): string {
  return Object.entries(engines)
    .map(([name, version]) => `${name} ${version}`)
    .join("; ");
}

/** Three digits at least, thousands apart. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100)
    return Math.round(value)
      .toString()
      .replace(/\B(?=(\d{3})+$)/g, " ");
  return Number(value.toPrecision(3)).toString();
}

export function formatBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

function withSpread(summary: Summary | undefined): string {
  if (summary === undefined) return "–";
  const [median, min, max] = [summary.median, summary.min, summary.max].map(formatNumber);
  return min === max ? `${median}` : `${median} (${min}–${max})`;
}

function relative(contender: ContenderResult, ours: ContenderResult): string {
  if (contender === ours) return "";
  return `${formatNumber((contender.figures.rate?.median ?? 0) / (ours.figures.rate?.median ?? 0))} ×`;
}

function cpuOf({ processes }: ContenderResult): string {
  return Object.entries(processes)
    .map(([name, { cpuMicroseconds }]) => `${name} ${formatNumber(cpuMicroseconds.median)}`)
    .join(", ");
}

function memoryOf({ processes }: ContenderResult): string {
  return Object.entries(processes)
    .map(([name, { maxRssBytes }]) => `${name} ${formatBytes(maxRssBytes)}`)
    .join(", ");
}

function labelOf(figure: FigureDescription | undefined, key: string): string {
  return figure === undefined ? key : `${figure.label}, ${figure.unit}`;
}

function singular(unit: string): string {
  return unit.replace(/ies$/, "y").replace(/s$/, "");
}
