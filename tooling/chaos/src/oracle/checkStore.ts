import { buildProjectionMetadata, createEventStream } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import { type SpanEvent, spanToJson, TraceProjectionEventHandler } from "@es/trace-projection";
import { groupBy } from "../groupBy.js";
import type { Ledger } from "../load/ledger.js";
import { type LoadShape, type MadeTrace, makeWave, serviceOf } from "../load/traces.js";
import { difference, type Offences } from "./offence.js";
import type { StoredProjection, StoredRows, StoredSpan } from "./storedRows.js";

export interface CheckStoreOptions {
  readonly rows: Pick<StoredRows, "spans" | "projections" | "refs">;
  readonly shape: LoadShape;
  readonly waves: number;
  readonly ledger: Ledger;
  readonly offences: Offences;
}

/** What is stored, as far as it is right. */
export interface StoreSummary {
  /** Distinct. */
  readonly spans: number;
  /** Rows, every copy that no merge has removed. */
  readonly spanRows: number;
  readonly projections: number;
  readonly projectionRows: number;
}

/** Waves compared at once: it bounds the memory. */
const WAVES_AT_ONCE = 20;
const handler = new TraceProjectionEventHandler();

/**
 * Compares everything that is stored with everything that was sent: each acknowledged span is there once, with its content,
 * under its tenant; each projection is the fold of its stored spans, to the byte and the version; nothing else is there.
 */
export async function checkStore(options: CheckStoreOptions): Promise<StoreSummary> {
  const { shape, waves } = options;
  const summary = { spans: 0, spanRows: 0, projections: 0, projectionRows: 0 };
  const known = new Set<string>();
  for (let from = 0; from < waves; from += WAVES_AT_ONCE) {
    const count = Math.min(WAVES_AT_ONCE, waves - from);
    const traces = Array.from({ length: count }, (_, index) => makeWave(shape, from + index)).flat();
    for (const { tenant, traceId } of traces) known.add(refKey(tenant, traceId));
    await checkTraces(options, traces, summary);
  }
  await checkNothingElse(options, known);
  return summary;
}

type MutableSummary = { -readonly [key in keyof StoreSummary]: number };

async function checkTraces(
  { rows, ledger, offences }: CheckStoreOptions,
  traces: readonly MadeTrace[],
  summary: MutableSummary,
): Promise<void> {
  const traceIds = [...new Set(traces.map(({ traceId }) => traceId))];
  const spans = groupBy(await rows.spans(traceIds), ({ tenant, event }) => refKey(tenant, event.aggregateId));
  const projections = groupBy(await rows.projections(traceIds), ({ tenant, traceId }) =>
    refKey(tenant, traceId),
  );
  const byRef = new Map(traces.map((trace) => [refKey(trace.tenant, trace.traceId), trace]));
  const siblings = groupBy(traces, ({ traceId }) => traceId);
  for (const [ref, trace] of byRef) {
    const storedRows = spans.get(ref) ?? [];
    const events = latestOfEach(storedRows);
    summary.spanRows += storedRows.length;
    summary.spans += events.size;
    const others = (siblings.get(trace.traceId) ?? []).filter(({ tenant }) => tenant !== trace.tenant);
    checkSpans(trace, others, events, ledger, offences);
    const written = projections.get(ref) ?? [];
    summary.projectionRows += written.length;
    if (written.length > 0) summary.projections++;
    checkProjection(trace, [...events.values()], written, offences);
  }
}

/** By the rule of reads and merges: of a span stored several times the one accepted last counts. */
function latestOfEach(stored: readonly StoredSpan[]): ReadonlyMap<string, SpanEvent> {
  const latest = new Map<string, SpanEvent>();
  for (const { event } of stored) {
    const other = latest.get(event.id);
    if (other === undefined || event.acceptedAt > other.acceptedAt) latest.set(event.id, event);
  }
  return latest;
}

function checkSpans(
  trace: MadeTrace,
  others: readonly MadeTrace[],
  events: ReadonlyMap<string, SpanEvent>,
  ledger: Ledger,
  offences: Offences,
): void {
  const { tenant, traceId } = trace;
  const made = new Set<string>();
  for (const [index, span] of trace.spans.entries()) {
    made.add(span.spanId);
    const event = events.get(span.spanId);
    const fate = ledger.fate(trace, index);
    if (event === undefined) {
      if (fate === "acknowledged") {
        offences.add({
          kind: "lost",
          tenant,
          traceId,
          detail: `span ${span.spanId} was acknowledged and is not stored`,
        });
      }
      continue;
    }
    if (fate === "unsent") {
      offences.add({
        kind: "mixed",
        tenant,
        traceId,
        detail: `span ${span.spanId} is stored and was never sent`,
      });
      continue;
    }
    const expected = canonicalJson(spanToJson(span));
    const stored = canonicalJson(spanToJson(event.data));
    if (stored === expected) continue;
    const owner = others.find(({ spans }) =>
      spans.some((other) => canonicalJson(spanToJson(other)) === stored),
    );
    offences.add({
      kind: owner === undefined ? "lost" : "mixed",
      tenant,
      traceId,
      detail:
        owner === undefined
          ? `span ${span.spanId} is stored with other content: ${difference(expected, stored)}`
          : `span ${span.spanId} holds what tenant ${owner.tenant} sent`,
    });
  }
  for (const spanId of events.keys()) {
    if (made.has(spanId)) continue;
    offences.add({
      kind: "mixed",
      tenant,
      traceId,
      detail: `span ${spanId} is stored and is none of this trace`,
    });
  }
}

function checkProjection(
  trace: MadeTrace,
  events: readonly SpanEvent[],
  written: readonly StoredProjection[],
  offences: Offences,
): void {
  const { tenant, traceId } = trace;
  const newest = written.reduce<StoredProjection | undefined>(
    (best, one) => (best === undefined || one.version > best.version ? one : best),
    undefined,
  );
  if (events.length === 0) {
    if (newest !== undefined) {
      offences.add({ kind: "mixed", tenant, traceId, detail: "there is a projection and no span" });
    }
    return;
  }
  if (newest === undefined) {
    offences.add({ kind: "stale", tenant, traceId, detail: `${events.length} spans and no projection` });
    return;
  }
  const stream = createEventStream(traceId, events);
  const expected = canonicalJson(handler.handle(stream));
  const metadata = canonicalJson(buildProjectionMetadata(stream));
  const version = versionOf(events);
  if (newest.projection === expected && newest.metadata === metadata && newest.version === version) return;
  const projection = JSON.parse(newest.projection) as { spanCount: number; services: readonly string[] };
  const foreign = projection.services.filter((service) => service !== serviceOf(tenant));
  const where = difference(expected, newest.projection);
  if (foreign.length > 0) {
    offences.add({
      kind: "mixed",
      tenant,
      traceId,
      detail: `the projection has spans of ${foreign.join(", ")}: ${where}`,
    });
  } else if (projection.spanCount > events.length) {
    offences.add({
      kind: "doubled",
      tenant,
      traceId,
      detail: `the projection counts ${projection.spanCount} spans of ${events.length}: ${where}`,
    });
  } else if (newest.projection === expected) {
    offences.add({
      kind: "misversioned",
      tenant,
      traceId,
      detail: `the projection is right, and its version or metadata is not: version ${newest.version} instead of ${version}`,
    });
  } else {
    offences.add({
      kind: "stale",
      tenant,
      traceId,
      detail: `the projection counts ${projection.spanCount} spans of ${events.length}: ${where}`,
    });
  }
}

/** Spelt out again rather than asked of the code under test: count, sum of stamps, handler version, never forced. */
function versionOf(events: readonly SpanEvent[]): bigint {
  const stamps = events.reduce((sum, { acceptedAt }) => sum + acceptedAt, 0n);
  return BigInt(events.length) * 2n ** 192n + stamps * 2n ** 96n + BigInt(handler.version) * 2n ** 64n;
}

async function checkNothingElse(
  { rows, offences }: CheckStoreOptions,
  known: ReadonlySet<string>,
): Promise<void> {
  for (const table of ["spans", "trace_projections"] as const) {
    for (const { tenant, traceId } of await rows.refs(table)) {
      if (known.has(refKey(tenant, traceId))) continue;
      offences.add({ kind: "mixed", tenant, traceId, detail: `${table} holds a trace that nobody sent` });
    }
  }
}

function refKey(tenant: string, traceId: string): string {
  return `${traceId}/${tenant}`;
}
