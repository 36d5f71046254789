import type { ComparisonResult, ContenderResult } from "../harness/comparison.js";
import type { Report, ScenarioReport } from "../harness/report.js";
import {
  type Cells,
  comparisonCells,
  describeEngines,
  describeMachine,
  formatNumber,
} from "../harness/table.js";
import { OURS as OURS_END_TO_END } from "../scenarios/endToEnd/endToEndContenders.js";

/** A place in a Markdown document that figures are written to: what stands between its lines is replaced. */
const PLACES = /(<!-- figures: ([a-z-]+) -->\n)[\s\S]*?(<!-- \/figures -->)/g;

/** The names of the places for figures in a document. */
export function placesIn(markdown: string): readonly string[] {
  return [...markdown.matchAll(PLACES)].map(([, , name]) => name ?? "");
}

/**
 * Writes a report's figures into a document: `machine`, `targets`, `million`, or those of the scenario of that name.
 *
 * @throws Error for a place whose scenario is not in the report
 */
export function writeFigures(markdown: string, report: Report): string {
  return markdown.replace(PLACES, (_, begin: string, name: string, end: string) => {
    const text = figuresOf(name, report);
    return `${begin}\n${text}\n\n${end}`;
  });
}

function figuresOf(name: string, report: Report): string {
  if (name === "machine") return machineFigures(report);
  if (name === "targets") return targetFigures(report);
  if (name === "million") return millionFigures(report);
  const scenario = report.scenarios.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`The report has no scenario ${name}.`);
  const { cores } = report.machine;
  return [
    scenario.about,
    ...scenario.comparisons.map((comparison) => comparisonFigures(comparison, cores)),
  ].join("\n\n");
}

function machineFigures(report: Report): string {
  const { rounds, secondsPerRound } = report.options;
  const minutes = report.scenarios.reduce((sum, { seconds }) => sum + seconds, 0) / 60;
  return (
    `${describeMachine(report.machine)}. ${describeEngines(report)}. Everything runs on this one machine: engines, apps and ` +
    `load share its cores. Medians of ${rounds} rounds of ${secondsPerRound} s unless a table says otherwise, in brackets the least and the most. ` +
    `The whole run took ${Math.ceil(minutes)} minutes.`
  );
}

function comparisonFigures(comparison: ComparisonResult, cores: number): string {
  const [ours] = comparison.contenders.filter(({ role }) => role === "ours");
  const notes = [
    ...comparison.targets.map(({ says, value, met }) => `- ${targetLine(says, value, met)}`),
    ...(ours === undefined || Object.keys(ours.processes).length === 0 ? [] : [`- ${limitOf(ours, cores)}`]),
  ];
  return [
    `**${sentence(comparison.name)}**`,
    markdownTable(comparisonCells(comparison)),
    ...(notes.length === 0 ? [] : [notes.join("\n")]),
  ].join("\n\n");
}

/** Where the time goes: what all of the cores were busy with, or that something was waited for. */
function limitOf({ name, processes }: ContenderResult, cores: number): string {
  const busy = Object.entries(processes)
    .map(([process, { cores: used }]) => ({ process, cores: used.median }))
    .sort((a, b) => b.cores - a.cores);
  const used = busy.reduce((sum, one) => sum + one.cores, 0);
  const shares = busy.map((one) => `${one.process} ${formatNumber(one.cores)}`).join(", ");
  return `${name} keeps ${formatNumber(used)} of ${cores} cores busy: ${shares}`;
}

function targetFigures({ scenarios }: Report): string {
  const all = scenarios.flatMap(({ title, comparisons }) =>
    comparisons.flatMap(({ name, targets }) =>
      targets.map(({ says, value, met }) => [title, name, says, formatNumber(value), met ? "yes" : "**no**"]),
    ),
  );
  return markdownTable([["", "where", "target", "measured", "met"], ...all]);
}

function targetLine(says: string, value: number, met: boolean): string {
  return `${met ? "met" : "**not met**"}: ${says}: ${formatNumber(value)}`;
}

const SPANS_PER_SECOND = 1_000_000;
const CORES_PER_NODE = 16;
/** Of a node's cores: the rest is for bursts, merges and the loss of a neighbour. */
const BUSY = 0.6;

/** What a million spans per second would need, if every core did what a core of this machine does. */
function millionFigures(report: Report): string {
  const { processes } = endToEndOf(report.scenarios);
  const names = ["ingest", "worker", "ClickHouse", "Redis"].filter((name) => name in processes);
  const rows = names.map((name) => {
    const perSpan = processes[name]?.cpuMicroseconds.median ?? Number.NaN;
    const cores = (perSpan * SPANS_PER_SECOND) / 1e6;
    const nodes = name === "Redis" ? cores / BUSY : cores / (CORES_PER_NODE * BUSY);
    return [name, formatNumber(perSpan), formatNumber(cores), `${Math.ceil(nodes)}`];
  });
  return markdownTable([
    [
      "",
      "CPU µs per span",
      "cores for a million spans/s",
      `nodes of ${CORES_PER_NODE} cores (Redis: processes), ${BUSY * 100} % busy`,
    ],
    ...rows,
  ]);
}

function endToEndOf(scenarios: readonly ScenarioReport[]): ContenderResult {
  const [burst] = scenarios.find(({ name }) => name === "end-to-end")?.comparisons ?? [];
  const ours = burst?.contenders.find(({ name }) => name === OURS_END_TO_END);
  if (ours === undefined) throw new Error("The report has no scenario end-to-end.");
  return ours;
}

function markdownTable([head = [], ...rows]: Cells): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const alignment = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [line(head), line(alignment), ...rows.map(line)].join("\n");
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
