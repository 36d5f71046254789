import { type ChaosReport, runChaos } from "./chaosRun.js";
import type { DefenceName } from "./defences/defences.js";
import type { FaultName, PlannedFault } from "./faults/faultClass.js";
import { type OffenceKind, offenceKinds } from "./oracle/offence.js";

/** A run without some defence, and what must be seen in it. */
export interface Proof {
  readonly without: readonly DefenceName[];
  /** What the defence is there for. */
  readonly planned: readonly PlannedFault[];
  /** Of load. */
  readonly seconds: number;
  /** The promises of which one must be broken; `healed` when another defence keeps all of them, and is seen doing so. */
  readonly expected: readonly OffenceKind[] | "healed";
}

/** @param atSecond from the begin of the load, as `forSeconds` */
function fault(name: FaultName, target: string, atSecond: number, forSeconds = 0): PlannedFault {
  return { name, target, at: atSecond * 1_000, durationMs: forSeconds * 1_000, severity: 0.5 };
}

/** An update was missed: it shows in the content, or, if it was only another copy of a span, in the version. */
const outdated: readonly OffenceKind[] = ["stale", "misversioned"];

const slow = (forSeconds: number) => fault("slow-clickhouse", "clickhouse", 1, forSeconds);
const frozenInTurn = [
  slow(26),
  fault("freeze-worker", "worker-1", 4, 10),
  fault("freeze-worker", "worker-2", 17, 10),
];
const lostQueue = [
  ...[3, 6, 12].map((second) => fault("flush-redis", "redis", second)),
  fault("kill-redis", "redis", 8, 1),
  fault("kill-ingest", "ingest-1", 4, 1),
  fault("kill-ingest", "ingest-2", 9, 1),
];

export const proofs: readonly Proof[] = [
  { without: ["keep-last", "reconciler"], planned: [slow(14)], seconds: 14, expected: outdated },
  { without: ["keep-last"], planned: [slow(14)], seconds: 14, expected: "healed" },
  { without: ["reconciler"], planned: lostQueue, seconds: 14, expected: outdated },
  {
    without: ["data-versions"],
    planned: [fault("clock-ahead", "worker-1", 0, 20)],
    seconds: 20,
    expected: ["stale"],
  },
  { without: ["data-versions"], planned: frozenInTurn, seconds: 26, expected: ["stale"] },
  {
    without: ["read-dedup"],
    planned: [fault("cut-clients", "clients", 3, 3), fault("cut-clients", "clients", 8, 3)],
    seconds: 12,
    expected: ["doubled"],
  },
  {
    without: ["acknowledge-after-insert"],
    planned: [fault("kill-clickhouse", "clickhouse", 4, 2), fault("kill-ingest", "ingest-1", 9, 1)],
    seconds: 14,
    expected: ["lost"],
  },
  { without: ["tenant-in-key"], planned: [slow(12)], seconds: 12, expected: ["mixed"] },
  {
    without: ["redis-clock"],
    planned: [fault("ingest-clock-ahead", "ingest-1", 0, 12)],
    seconds: 14,
    expected: outdated,
  },
  {
    without: ["stalled-check"],
    planned: [slow(14), fault("kill-worker", "worker-1", 5, 1), fault("kill-worker", "worker-2", 10, 1)],
    seconds: 14,
    expected: outdated,
  },
  {
    without: ["new-connection"],
    planned: [fault("failover-redis", "redis", 4)],
    seconds: 14,
    expected: outdated,
  },
  {
    without: ["pauses"],
    // With runs under way: a worker without any waits for a queue that nobody can add to either.
    planned: [slow(14), { ...fault("forbid-redis", "redis", 5, 2), severity: 0 }],
    seconds: 14,
    expected: ["spinning"],
  },
  // No fault is needed: until its root comes, a trace is part of the session that a span of it names.
  { without: ["tell-of-leaving"], planned: [], seconds: 14, expected: ["doubled"] },
];

export interface ProofResult {
  readonly proof: Proof;
  /** The same load and faults with every defence. */
  readonly defended: ChaosReport;
  readonly undefended: ChaosReport;
  readonly holds: boolean;
}

export interface ProveOptions {
  readonly seed: number;
  /** Only the proofs of these. @default all */
  readonly only?: readonly DefenceName[];
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** How long a run without a defence may take to show that it never converges. */
const HOPELESS_MS = 10_000;

/** Runs each proof with its defence and without it. */
export async function prove({ seed, only, onLine, signal }: ProveOptions): Promise<readonly ProofResult[]> {
  const results: ProofResult[] = [];
  const chosen =
    only === undefined ? proofs : proofs.filter(({ without }) => only.includes(without[0] as DefenceName));
  for (const one of chosen) {
    const name = one.without.join(" and ");
    const run = (without: readonly DefenceName[]) =>
      runChaos({
        seed,
        seconds: one.seconds,
        planned: one.planned,
        tracesPerSecond: 3,
        without,
        keepLogs: false,
        signal,
        ...(without.length > 0 ? { convergenceLimitMs: HOPELESS_MS } : {}),
      });
    onLine(`With ${name}, under ${faultsOf(one)}…`);
    const defended = await run([]);
    onLine(`Without ${name}…`);
    const undefended = await run(one.without);
    const result = { proof: one, defended, undefended, holds: holds(one, defended, undefended) };
    onLine(cells(result).join("; "));
    for (const { kind, detail } of undefended.offences) if (kind === "crashed") onLine(detail);
    results.push(result);
  }
  return results;
}

function holds({ expected }: Proof, defended: ChaosReport, undefended: ChaosReport): boolean {
  if (brokenKinds(defended).length > 0 || defended.convergenceMs === null) return false;
  if (expected !== "healed") return expected.some((kind) => undefended.broken[kind] > 0);
  return (
    brokenKinds(undefended).length === 0 && undefended.convergenceMs !== null && undefended.reconciled > 0
  );
}

function brokenKinds({ broken }: ChaosReport): readonly OffenceKind[] {
  return offenceKinds.filter((kind) => broken[kind] > 0);
}

function describeBroken(report: ChaosReport): string {
  const kinds = brokenKinds(report).map((kind) => `${report.broken[kind]} ${kind}`);
  if (kinds.length > 0) return kinds.join(", ");
  return report.convergenceMs === null ? "not converged" : "nothing";
}

function faultsOf({ planned }: Proof): string {
  return [...new Set(planned.map(({ name }) => name))].join(", ") || "no fault";
}

function cells({ proof: one, defended, undefended, holds: seen }: ProofResult): readonly string[] {
  const healed = one.expected === "healed" ? `; the reconciler scheduled ${undefended.reconciled}` : "";
  return [
    one.without.join(" + "),
    faultsOf(one),
    describeBroken(defended),
    `${describeBroken(undefended)}${healed}`,
    seen ? "seen" : "NOT SEEN",
  ];
}

export function describeProofs(results: readonly ProofResult[]): string {
  const rows = [["defence", "under", "with it", "without it", ""], ...results.map(cells)];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")).join("\n");
}
