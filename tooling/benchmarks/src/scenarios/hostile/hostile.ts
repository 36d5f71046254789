import type { Contender, Target } from "../../harness/comparison.js";
import type { Scenario } from "../../harness/scenario.js";
import { foldRows } from "./foldRows.js";
import type { HostileRow } from "./hostileRow.js";
import { ingestRows } from "./ingestRows.js";
import { readRows } from "./readRows.js";
import { runRow } from "./runRow.js";

/** Rows of each area are in a file of their own. */
export const hostileRows: readonly HostileRow[] = [...ingestRows, ...foldRows, ...readRows];

const MAX_STOP_MS = 250;
const QUICK_ROWS = 1;

export const hostile: Scenario = {
  name: "hostile",
  title: "Hostile requests",
  about:
    "Small requests that could cost much, each against a fresh process of the app. *stop* is the longest time in which the app " +
    "did not answer `/healthz`, asked every 5 ms, with the load and the engines on the same cores; *growth* is its most resident " +
    "memory above what it had before. Each row runs once.",
  byNameOnly: true,
  async run({ options, startEngines, selects, compare }) {
    const rows = hostileRows.filter(({ name }) => selects(name));
    if (rows.length === 0) return;
    const engines = await startEngines();
    for (const name of ["ingest", "worker", "console"] as const) {
      const ofApp = rows
        .filter(({ app }) => app === name)
        // Starting a process for each row takes longer than all small sizes together.
        .slice(0, options.quick ? QUICK_ROWS : undefined);
      if (ofApp.length === 0) continue;
      await compare({
        name: `against ${name}`,
        unit: "requests",
        rounds: 1,
        figures: {
          stop: { label: "stop", unit: "ms" },
          growth: { label: "growth", unit: "MB" },
          peak: { label: "most memory", unit: "MB" },
          cpu: { label: "CPU", unit: "s" },
          taken: { label: "taken", unit: "requests" },
          refused: { label: "refused", unit: "requests" },
          unanswered: { label: "unanswered", unit: "requests" },
          died: { label: "died", unit: "times" },
        },
        contenders: ofApp.map(
          (row): Contender => ({
            name: row.name,
            role: "ours",
            round: () => runRow(row, { engines, quick: options.quick }),
          }),
        ),
        targets: ofApp.flatMap(targetsOf),
      });
    }
  },
};

function targetsOf({ name, maxStopMs = MAX_STOP_MS, maxGrowthMb }: HostileRow): readonly Target[] {
  return [
    {
      says: `${name}: stops for at most ${maxStopMs} ms`,
      contender: name,
      figure: "stop",
      atMost: maxStopMs,
    },
    { says: `${name}: does not end the process`, contender: name, figure: "died", atMost: 0 },
    ...(maxGrowthMb === undefined
      ? []
      : [
          {
            says: `${name}: grows by at most ${maxGrowthMb} MB`,
            contender: name,
            figure: "growth",
            atMost: maxGrowthMb,
          },
        ]),
  ];
}
