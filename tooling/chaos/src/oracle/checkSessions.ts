import { canonicalJson } from "@es/core/adapter";
import type { SessionProjection } from "@es/session-projection";
import type { TraceProjection } from "@es/trace-projection";
import { type LoadShape, makeWave } from "../load/traces.js";
import { difference, type Offences } from "./offence.js";
import type { StoredProjection, StoredRows, StoredSession } from "./storedRows.js";

export interface CheckSessionsOptions {
  readonly rows: Pick<StoredRows, "projections" | "sessions">;
  readonly shape: LoadShape;
  readonly waves: number;
  readonly offences: Offences;
}

/** What the traces of a session add up to. */
interface Sum {
  traceCount: number;
  failedTraceCount: number;
  spanCount: number;
  errorCount: number;
  inputTokens: number;
  outputTokens: number;
  totalTokens: number;
  /** USD · 10⁻¹²; `null` when no trace has a cost. */
  cost: bigint | null;
}

const WAVES_AT_ONCE = 20;
const COST_PLACES = 12;

/**
 * Each session must be the sum over the newest projections of the traces that name it, which `checkStore` compares with their
 * spans; and there must be no session that no trace names.
 *
 * @returns how many sessions have traces
 */
export async function checkSessions({ rows, shape, waves, offences }: CheckSessionsOptions): Promise<number> {
  const expected = new Map<string, Sum>();
  const named = new Set<string>();
  for (let from = 0; from < waves; from += WAVES_AT_ONCE) {
    const count = Math.min(WAVES_AT_ONCE, waves - from);
    const traces = Array.from({ length: count }, (_, index) => makeWave(shape, from + index)).flat();
    const traceIds = [...new Set(traces.map(({ traceId }) => traceId))];
    for (const { tenant, projection } of newestOfEach(await rows.projections(traceIds), traceOf)) {
      const trace = JSON.parse(projection) as TraceProjection;
      for (const sessionId of trace.otherSessionIds) named.add(refKey(tenant, sessionId));
      if (trace.sessionId === null) continue;
      const key = refKey(tenant, trace.sessionId);
      named.add(key);
      const sum = expected.get(key) ?? nothing();
      expected.set(key, sum);
      add(sum, trace);
    }
  }

  const stored = newestOfEach(await rows.sessions(), sessionOf);
  const found = new Set<string>();
  for (const row of stored) {
    const { tenant, sessionId } = row;
    const key = sessionOf(row);
    found.add(key);
    const about = `session ${JSON.stringify(sessionId)}`;
    if (!named.has(key)) {
      offences.add({ kind: "mixed", tenant, detail: `${about} is there, and no trace names it` });
      continue;
    }
    const sum = expected.get(key) ?? nothing();
    const actual = sumOf(JSON.parse(row.projection) as SessionProjection);
    const unlike = differenceOf(sum, actual);
    if (unlike === null) continue;
    offences.add({
      kind: actual.traceCount > sum.traceCount || actual.spanCount > sum.spanCount ? "doubled" : "stale",
      tenant,
      detail: `${about} is not the sum of its ${sum.traceCount} traces: ${unlike}`,
    });
  }
  for (const key of expected.keys()) {
    if (found.has(key)) continue;
    const [tenant, sessionId] = JSON.parse(key) as [string, string];
    offences.add({
      kind: "stale",
      tenant,
      detail: `session ${JSON.stringify(sessionId)} has traces and no projection`,
    });
  }
  return expected.size;
}

function refKey(tenant: string, id: string): string {
  return JSON.stringify([tenant, id]);
}

const traceOf = ({ tenant, traceId }: StoredProjection) => refKey(tenant, traceId);
const sessionOf = ({ tenant, sessionId }: StoredSession) => refKey(tenant, sessionId);

function newestOfEach<TRow extends { readonly version: bigint }>(
  rows: readonly TRow[],
  keyOf: (row: TRow) => string,
): readonly TRow[] {
  const newest = new Map<string, TRow>();
  for (const row of rows) {
    const other = newest.get(keyOf(row));
    if (other === undefined || row.version > other.version) newest.set(keyOf(row), row);
  }
  return [...newest.values()];
}

function nothing(): Sum {
  return {
    ...{ traceCount: 0, failedTraceCount: 0, spanCount: 0, errorCount: 0 },
    ...{ inputTokens: 0, outputTokens: 0, totalTokens: 0, cost: null },
  };
}

function add(sum: Sum, trace: TraceProjection): void {
  sum.traceCount++;
  if (trace.status === "error") sum.failedTraceCount++;
  sum.spanCount += trace.spanCount;
  sum.errorCount += trace.errorCount;
  sum.inputTokens += trace.usage.inputTokens;
  sum.outputTokens += trace.usage.outputTokens;
  sum.totalTokens += trace.usage.totalTokens;
  if (trace.cost !== null) sum.cost = (sum.cost ?? 0n) + picodollars(trace.cost.amount);
}

function sumOf(session: SessionProjection): Sum {
  const { traceCount, failedTraceCount, spanCount, errorCount, usage, cost } = session;
  return {
    ...{ traceCount, failedTraceCount, spanCount, errorCount },
    ...{ inputTokens: usage.inputTokens, outputTokens: usage.outputTokens, totalTokens: usage.totalTokens },
    cost: cost === null ? null : picodollars(cost.amount),
  };
}

function picodollars(amount: string): bigint {
  const [whole = "", fraction = ""] = amount.split(".");
  return BigInt(whole + fraction.padEnd(COST_PLACES, "0"));
}

/** `null`: they are the same. */
function differenceOf(expected: Sum, actual: Sum): string | null {
  const [before, after] = [expected, actual].map((sum) =>
    canonicalJson({ ...sum, cost: sum.cost === null ? null : String(sum.cost) }),
  ) as [string, string];
  return before === after ? null : difference(before, after);
}
