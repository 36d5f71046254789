import { type Expected, type Fault, well } from "./fault.js";
import type { FaultResult } from "./runFault.js";
import { seconds } from "./runFault.js";
import { serviceNames } from "./system.js";

/** Every promise that was not kept, one line each. */
export function failuresOf(results: readonly FaultResult[]): readonly string[] {
  return results.flatMap(({ engine, name, failures, cells }) => [
    ...failures.map((failure) => `${engine}, ${name}: ${failure}`),
    ...cells.flatMap(({ service, failures: mine }) =>
      mine.map((failure) => `${engine}, ${name}, ${service}: ${failure}`),
    ),
  ]);
}

const columns = [
  "engine",
  "state",
  "service",
  "CPU",
  "log lines",
  "ended after",
  "`/readyz`",
  "current after",
];

function rowsOf(result: FaultResult): readonly (readonly string[])[] {
  const { engine, name, impossible, cells, currentAfterMs } = result;
  if (impossible !== undefined)
    return [[engine, name, "", "", "", "", `not possible here: ${impossible}`, ""]];
  return cells.map((cell, i) => [
    i === 0 ? engine : "",
    i === 0 ? name : "",
    cell.service,
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

/** The table of docs/operations.md: what is asserted of each state. */
export function markdownTable(faults: readonly Fault[]): string {
  const header = [
    "engine",
    "state",
    "ingest answers",
    ...serviceNames.map((name) => `\`/readyz\` of ${name}`),
  ];
  const lines = faults.map(({ engine, name, description, ingest, expected, each }) => [
    engine,
    `**${name}**: ${description}`,
    String(ingest),
    ...serviceNames.map((service) =>
      each !== undefined && service === "worker"
        ? "503 with the command, or ok where it works without"
        : said(expected[service] ?? well),
    ),
  ]);
  const escaped = (cell: string) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;");
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...lines.map(line)].join("\n");
}

function said({ status, text }: Expected): string {
  if (text === well.text) return "ok";
  const [words = ""] = text.source.split("|");
  const readable = words.replaceAll(".*", " … ").replaceAll("?", "").replaceAll("\\", "");
  return `${status === 503 ? "503" : "ok, with a note"}: ${readable}`;
}
