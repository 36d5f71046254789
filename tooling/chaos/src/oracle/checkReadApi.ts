import { canonicalJson } from "@es/core/adapter";
import { type SpanJson, spanToJson, type TraceProjectionJson } from "@es/trace-projection";
import type { Ledger } from "../load/ledger.js";
import { type LoadShape, makeWave } from "../load/traces.js";
import { createRandom } from "../random.js";
import { difference, type Offences } from "./offence.js";
import type { StoredProjection, StoredRows } from "./storedRows.js";

export interface CheckReadApiOptions {
  readonly url: string;
  readonly tenants: readonly string[];
  readonly headers: (tenant: string) => Readonly<Record<string, string>>;
  readonly rows: Pick<StoredRows, "projections">;
  readonly shape: LoadShape;
  readonly waves: number;
  readonly ledger: Ledger;
  readonly offences: Offences;
}

/** Traces whose spans are read one by one; every projection is compared. */
const SAMPLE = 60;
const IDS_AT_ONCE = 500;

/** What the read API answers must be what the rows say: every projection once, in order, and the spans of a sample of traces. */
export async function checkReadApi(options: CheckReadApiOptions): Promise<void> {
  for (const tenant of options.tenants) {
    await checkList(options, tenant);
    await checkSample(options, tenant);
  }
}

async function checkList(
  { url, headers, rows, shape, waves, offences }: CheckReadApiOptions,
  tenant: string,
): Promise<void> {
  const listed: TraceProjectionJson[] = [];
  let cursor: string | null = null;
  do {
    const query = new URLSearchParams({
      limit: "500",
      include: "messages",
      ...(cursor === null ? {} : { cursor }),
    });
    const page = await bodyOf<{ traces: TraceProjectionJson[]; nextCursor: string | null }>(
      await fetch(`${url}/api/traces?${query}`, { headers: headers(tenant) }),
    );
    listed.push(...page.traces);
    cursor = page.nextCursor;
  } while (cursor !== null);

  const traceIds = Array.from({ length: waves }, (_, wave) => makeWave({ ...shape, tenants: [tenant] }, wave))
    .flat()
    .map(({ traceId }) => traceId);
  const stored = new Map<string, StoredProjection>();
  for (let from = 0; from < traceIds.length; from += IDS_AT_ONCE) {
    for (const row of await rows.projections(traceIds.slice(from, from + IDS_AT_ONCE))) {
      const other = stored.get(row.traceId);
      if (row.tenant === tenant && (other === undefined || row.version > other.version))
        stored.set(row.traceId, row);
    }
  }
  const seen = new Set<string>();
  for (const trace of listed) {
    const { traceId } = trace;
    const row = stored.get(traceId);
    if (seen.has(traceId)) {
      offences.add({ kind: "doubled", tenant, traceId, detail: "the read API lists the trace twice" });
    } else if (row === undefined || trace.tenantId !== tenant) {
      offences.add({
        kind: "mixed",
        tenant,
        traceId,
        detail: "the read API lists a trace the tenant does not have",
      });
    } else {
      const expected = canonicalJson({
        tenantId: tenant,
        version: String(row.version),
        ...JSON.parse(row.projection),
      });
      const actual = canonicalJson(trace);
      if (actual !== expected) {
        offences.add({
          kind: "stale",
          tenant,
          traceId,
          detail: `the read API answers other than the newest row: ${difference(expected, actual)}`,
        });
      }
    }
    seen.add(traceId);
  }
  for (const traceId of stored.keys()) {
    if (!seen.has(traceId))
      offences.add({ kind: "lost", tenant, traceId, detail: "the read API does not list the trace" });
  }
}

async function checkSample(
  { url, headers, shape, waves, ledger, offences }: CheckReadApiOptions,
  tenant: string,
): Promise<void> {
  const random = createRandom(shape.seed, "sample", tenant);
  for (let read = 0; read < SAMPLE; read++) {
    const trace = random.pick(makeWave({ ...shape, tenants: [tenant] }, random.integer(0, waves - 1)));
    const { traceId } = trace;
    const acknowledged = trace.spans.filter((_, index) => ledger.fate(trace, index) === "acknowledged");
    if (acknowledged.length === 0) continue;
    const spans = await spansOf(`${url}/api/traces/${traceId}/spans`, headers(tenant));
    if (spans === undefined) {
      offences.add({ kind: "lost", tenant, traceId, detail: "the read API knows no span of the trace" });
      continue;
    }
    const found = new Map(spans.map((span) => [span.spanId, canonicalJson(span)]));
    if (found.size < spans.length) {
      offences.add({ kind: "doubled", tenant, traceId, detail: "the read API answers a span twice" });
    }
    for (const span of acknowledged) {
      const expected = canonicalJson(spanToJson(span));
      const actual = found.get(span.spanId);
      if (actual === expected) continue;
      offences.add({
        kind: actual === undefined ? "lost" : "mixed",
        tenant,
        traceId,
        detail:
          actual === undefined
            ? `the read API does not answer span ${span.spanId}`
            : `the read API answers span ${span.spanId} otherwise: ${difference(expected, actual)}`,
      });
    }
  }
}

/** All pages; `undefined` for an unknown trace. */
async function spansOf(
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<readonly SpanJson[] | undefined> {
  const spans: SpanJson[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `?${new URLSearchParams({ cursor })}`;
    const response = await fetch(`${url}${query}`, { headers });
    if (response.status === 404) return undefined;
    const page = await bodyOf<{ spans: readonly SpanJson[]; nextCursor: string | null }>(response);
    spans.push(...page.spans);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return spans;
}

async function bodyOf<T>(response: Response): Promise<T> {
  if (!response.ok) {
    throw new Error(
      `GET ${response.url} answered ${response.status}: ${(await response.text()).slice(0, 300)}`,
    );
  }
  return (await response.json()) as T;
}
