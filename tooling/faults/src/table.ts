import { type Expected, type Fault, well } from "./fault.js";
import type { FaultResult } from "./runFault.js";
import { seconds } from "./runFault.js";
import { appNames } from "./system.js";

/** Every promise that was not kept, one line each. */
export function failuresOf(results: readonly FaultResult[]): readonly string[] {
  return results.flatMap(({ engine, name, failures, cells }) => [
    ...failures.map((failure) => `${engine}, ${name}: ${failure}`),
    ...cells.flatMap(({ app, failures: mine }) =>
      mine.map((failure) => `${engine}, ${name}, ${app}: ${failure}`),
    ),
  ]);
}

const columns = ["engine", "state", "app", "CPU", "log lines", "ended after", "`/readyz`", "current after"];

function rowsOf(result: FaultResult): readonly (readonly string[])[] {
  const { engine, name, impossible, cells, currentAfterMs } = result;
  if (impossible !== undefined)
    return [[engine, name, "", "", "", "", `not possible here: ${impossible}`, ""]];
  return cells.map((cell, i) => [
    i === 0 ? engine : "",
    i === 0 ? name : "",
    cell.app,
    `${cell.cpuPercent.toFixed(0)} %`,
    String(cell.logLines),
    cell.endedAfterMs === null ? "" : seconds(cell.endedAfterMs),
    `${cell.readyStatus} ${readable(cell.readyText)}`,
    i > 0 ? "" : currentAfterMs === null ? "not" : seconds(currentAfterMs),
  ]);
}

const LONGEST_TEXT = 180;

/** What `/readyz` says of what is not well. */
function readable(text: string): string {
  try {
    const { checks = {} } = JSON.parse(text) as { readonly checks?: Readonly<Record<string, string>> };
    const notes = Object.entries(checks).filter(([, state]) => state !== "ok");
    const said = notes.map(([check, state]) => `${check}: ${state}`).join("; ") || "ok";
    return said.length > LONGEST_TEXT ? `${said.slice(0, LONGEST_TEXT)}…` : said;
  } catch {
    return text.trim();
  }
}

/** For people at a terminal. */
export function describeResults(results: readonly FaultResult[]): string {
  const rows = [columns, ...results.flatMap(rowsOf)];
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** One row of the table of docs/operations.md. */
interface DocumentedRow {
  /** What the suite asserts of the state: from the code. */
  readonly asserted: readonly string[];
  /** The worst figures that a run measured: of all apps, and of all rows that the state stands for. */
  readonly measured: readonly string[];
}

const assertedHeader = [
  "engine",
  "state",
  "ingest answers",
  ...appNames.map((name) => `\`/readyz\` of ${name}`),
];
const measuredHeader = ["CPU", "log lines in 10 s", "ended after SIGTERM", "current after"];

/** The cells of docs/operations.md that the code decides, one row a state. */
export function assertedRows(faults: readonly Fault[]): readonly (readonly string[])[] {
  return faults.map(({ engine, name, description, ingest, expected, each }) => [
    engine,
    `**${name}**: ${description}`,
    String(ingest),
    ...appNames.map((app) =>
      each !== undefined && app === "worker"
        ? "503 with the command, or ok where it works without"
        : said(expected[app] ?? well),
    ),
  ]);
}

/** Writes the table of docs/operations.md from a whole run. Throws if the run lacks a state, or a promise was not kept. */
export function markdownTable(faults: readonly Fault[], results: readonly FaultResult[]): string {
  const failures = failuresOf(results);
  if (failures.length > 0) throw new Error(`This run failed:\n${failures.join("\n")}`);
  const rows: readonly DocumentedRow[] = assertedRows(faults).map((asserted, i) => ({
    asserted,
    measured: worstOf(faults[i] as Fault, results),
  }));
  const escaped = (cell: string) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;");
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(" | ")} |`;
  const header = [...assertedHeader, ...measuredHeader];
  return [
    line(header),
    line(header.map(() => "---")),
    ...rows.map(({ asserted, measured }) => line([...asserted, ...measured])),
  ].join("\n");
}

function worstOf(fault: Fault, results: readonly FaultResult[]): readonly string[] {
  const mine = results.filter(
    ({ engine, name }) =>
      engine === fault.engine &&
      (fault.each === undefined ? name === fault.name : name.startsWith(`${fault.name}: `)),
  );
  if (mine.length === 0) throw new Error(`The run has no result of "${fault.name}" of ${fault.engine}.`);
  if (mine.every(({ impossible }) => impossible !== undefined))
    return measuredHeader.map(() => "not possible here");
  const cells = mine.flatMap((result) => result.cells);
  const most = (values: readonly (number | null)[]) => Math.max(...values.map((value) => value ?? 0));
  const ended = most(cells.map(({ endedAfterMs }) => endedAfterMs));
  const current = mine.map(({ currentAfterMs }) => currentAfterMs);
  return [
    `${most(cells.map(({ cpuPercent }) => cpuPercent)).toFixed(0)} %`,
    String(most(cells.map(({ logLines }) => logLines))),
    ended === 0 ? "not ended" : seconds(ended),
    seconds(most(current)),
  ];
}

function said({ status, text }: Expected): string {
  if (text === well.text) return "ok";
  const [words = ""] = text.source.split("|");
  const readable = words.replaceAll(".*", " … ").replaceAll("?", "").replaceAll("\\", "");
  return `${status === 503 ? "503" : "ok, with a note"}: ${readable}`;
}
