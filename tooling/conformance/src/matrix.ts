import { type Accepted, accepted } from "./accepted.js";
import { type Column, columns, compare, type Difference } from "./compare.js";
import type { Fixture } from "./fixture.js";
import { tracesOf } from "./fixture.js";
import { invoiceOf } from "./invoice.js";
import { project } from "./project.js";
import { type PublishedCase, wrongFields } from "./published.js";
import { traps } from "./traps.js";

/** One row of the page: a fixture, and how the projection of its main trace differs from the truth. */
export interface Row {
  readonly fixture: Fixture;
  readonly traces: number;
  readonly differences: ReadonlyMap<Column, Difference>;
}

export function rowOf(fixture: Fixture): Row {
  const traces = tracesOf(fixture);
  const [main] = traces;
  if (main === undefined) throw new Error(`${fixture.id} has no spans.`);
  return { fixture, traces: traces.length, differences: compare(fixture, main, project(main)) };
}

/** Why a difference is accepted; undefined if it is not. */
export function acceptanceOf({ id }: Fixture, column: Column, { got }: Difference): Accepted | undefined {
  return accepted.find(
    (entry) =>
      entry.columns.includes(column) &&
      entry.fixtures.test(id) &&
      (entry.got === undefined || entry.got.test(got)),
  );
}

/** The page that shows the rows. */
export function renderMatrix(
  recorded: readonly Row[],
  handMade: readonly Row[],
  published: readonly PublishedCase[],
): string {
  const sdks = new Set(recorded.map(({ fixture }) => fixture.sdk));
  const cells = recorded.length * columns.length;
  const differing = recorded.reduce((sum, { differences }) => sum + differences.size, 0);
  const reasons = accepted.map(({ why }) => why);
  return `${[
    "# Conformance",
    [
      "What the projection of a trace says, compared with what is known to have happened, field by field. `npm test` makes",
      "this page from the fixtures of `tooling/conformance` and fails if it is out of date; `npm test -- conformance -u`",
      "writes it.",
    ].join("\n"),
    [
      `**Recorded**: ${recorded.length} scenarios of ${sdks.size} packages and versions that make spans; ${cells - differing} of`,
      `${cells} fields are as they should be, ${differing} differ for a reason given below. The real packages from npm were run`,
      "against a fake model endpoint that speaks the wire formats of OpenAI, Anthropic, Bedrock and Gemini and keeps the books:",
      "what it was asked, what it answered and when, and what it would bill. That is the truth the cells are compared with.",
      "`npm run record:conformance -- [filter]` records them anew.",
    ].join("\n"),
    [
      "✓ is as it should be. A number says why a field is not, below the tables; what the projection says instead stands",
      "before it. *tokens in* are all, and those read from and written to a cache; *tokens out* are all, and those of reasoning;",
      "*cost* is the invoice's to the picodollar; *first token* lies between the first and the last piece the endpoint sent;",
      "*kinds*: every span, of models, tools, agents, servers and the rest, is known as what it is; *spans*: all are there.",
    ].join("\n"),
    ...sections(recorded),
    "## Written by hand",
    [
      "Emitters without a package on npm, after their documentation, and arrangements of spans that no single package makes. They",
      "are not counted as recorded.",
    ].join("\n"),
    ...sections(handMade, "###"),
    "## Taken from published tests",
    [
      "Emitters in other languages, servers, gateways, voice agents and frameworks: requests, and what they mean, as their own tests",
      "or documents have it. Nothing here was run. A case names the fields that its source speaks of.",
    ].join("\n"),
    publishedTable(published),
    "## Counting twice",
    [
      "Ways in which one use of a model is told of more than once. The totals are those of the scenarios' projections, and equal",
      "what the endpoint would bill; those written by hand are marked.",
    ].join("\n"),
    trapTable([...recorded, ...handMade]),
    "## Why a field may differ",
    reasons.map((why, index) => `${index + 1}. ${why}`).join("\n"),
  ].join("\n\n")}\n`;
}

function publishedTable(cases: readonly PublishedCase[]): string {
  const lines = cases.map((published) => {
    const wrong = Object.keys(wrongFields(published));
    const fields = [...published.expected.keys()].map((field) =>
      wrong.includes(field) ? `${field} ✗` : field,
    );
    return `| ${[published.id, published.why, fields.join(", "), published.source].map(escaped).join(" | ")} |`;
  });
  return ["| case | what it shows | fields | source |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** One table for each package that makes spans. */
function sections(rows: readonly Row[], heading = "##"): readonly string[] {
  const bySdk = new Map<string, Row[]>();
  for (const row of rows) {
    const { sdk } = row.fixture;
    bySdk.set(sdk, [...(bySdk.get(sdk) ?? []), row]);
  }
  return [...bySdk].map(([sdk, ofSdk]) => `${heading} ${sdk}\n\n${table(ofSdk)}`);
}

/** @throws Error for a trap whose scenario is not there, or has other totals than the truth */
function trapTable(rows: readonly Row[]): string {
  const lines = traps.flatMap(({ trap, fixtures }) =>
    fixtures.map((id) => {
      const row = rows.find(({ fixture }) => fixture.id === id);
      if (row === undefined) throw new Error(`There is no scenario ${id} for the trap "${trap}".`);
      const wrong = totals.find((column) => row.differences.has(column));
      if (wrong !== undefined) throw new Error(`${id}: ${wrong} are not as billed, "${trap}".`);
      const { input, output, cost } = invoiceOf(row.fixture.truth.calls);
      const name = row.fixture.origin === "handMade" ? `${id}, by hand` : id;
      return `| ${trap} | ${name} | ${input} | ${output} | ${cost ?? "none"} |`;
    }),
  );
  return [
    "| trap | scenario | tokens in | tokens out | USD |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

const totals = ["tokens in", "tokens out", "cost"] as const;

function table(rows: readonly Row[]): string {
  const lines = [
    ["scenario", ...columns],
    ["---", ...columns.map(() => "---")],
    ...rows.map(({ fixture, differences }) => [
      [fixture.scenario, ...(fixture.with.length > 0 ? [`(${fixture.with.join(", ")})`] : [])].join(" "),
      ...columns.map((column) => cell(fixture, column, differences.get(column))),
    ]),
  ];
  return lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function cell(fixture: Fixture, column: Column, difference: Difference | undefined): string {
  if (difference === undefined) return "✓";
  const acceptance = acceptanceOf(fixture, column, difference);
  const note = acceptance === undefined ? "✗" : `[${accepted.indexOf(acceptance) + 1}]`;
  return `${short(difference.got)} ${note}`;
}

const CELL_CHARACTERS = 40;

function short(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|");
  return line.length > CELL_CHARACTERS ? `${line.slice(0, CELL_CHARACTERS)}…` : line;
}
