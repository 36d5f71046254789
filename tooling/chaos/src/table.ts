import type { ChaosReport } from "./chaosRun.js";
import { faultNames } from "./faults/faultClasses.js";
import { offenceKinds } from "./oracle/offence.js";

/** What a run did and what it found, for people. */
export function describeReport(report: ChaosReport): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  const { spans, stored, freshness, faults, broken } = report;
  const lines: (readonly [string, string])[] = [
    ["seed", String(report.seed)],
    ["load", `${report.seconds} s`],
    ...(report.without.length === 0 ? [] : [["without", report.without.join(", ")] as const]),
    ["engines", `ClickHouse ${report.clickhouse}, Redis ${report.redis}`],
    ["spans", `${spans.acknowledged} acknowledged of ${spans.sent}, sent ${spans.copies} times`],
    ["requests", list(report.requests)],
    ["stored", `${stored.spans} spans in ${stored.spanRows} rows`],
    ["projections", `${stored.projections} in ${stored.projectionRows} rows`],
    ["sessions", `${report.sessions} with traces`],
    [
      "faults",
      list(
        Object.fromEntries(
          faultNames.flatMap((name) => {
            const count = faults.injected[name];
            return count === undefined ? [] : [[name, count]];
          }),
        ),
      ),
    ],
    ...Object.entries(faults.impossible).map(
      ([name, reason]) => ["not possible here", `${name}: ${reason}`] as const,
    ),
    ...(faults.skipped === 0
      ? []
      : [["skipped", `${faults.skipped} faults, for the machine was busy`] as const]),
    ["answers cut", String(report.cuts)],
    ["reconciled", `${report.reconciled} traces that lagged`],
    [
      "freshness",
      `median ${seconds(freshness.medianMs)}, 95 % ${seconds(freshness.p95Ms)}, worst ${seconds(freshness.worstMs)}`,
    ],
    ["convergence", report.convergenceMs === null ? "not in time" : seconds(report.convergenceMs)],
    ...offenceKinds.map(
      (kind) => [kind === "deadLetters" ? "dead letters" : kind, String(broken[kind])] as const,
    ),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** Whether every promise was kept. */
export function promisesKept(report: ChaosReport): boolean {
  return report.convergenceMs !== null && offenceKinds.every((kind) => report.broken[kind] === 0);
}

export function describeOffences(report: ChaosReport): string {
  return report.offences
    .map(({ kind, tenant, traceId, detail }) => {
      const where = [tenant, traceId].map((part) => (part === undefined ? "" : ` ${part}`)).join("");
      return `${kind}${where}: ${detail}`;
    })
    .join("\n");
}
