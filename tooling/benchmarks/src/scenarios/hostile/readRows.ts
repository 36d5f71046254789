import { setTimeout as sleep } from "node:timers/promises";
import { createApiKey } from "@es/api-keys";
import { createEventSourcingPipeline, parseTenantId, type TenantId } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import { spanEventStoreClickHouse, traceProjectionStoreClickHouse } from "@es/trace-clickhouse";
import { createSpanEvent, TraceProjectionEventHandler } from "@es/trace-projection";
import { genAiTraces } from "../../load/genAiTraces.js";
import { answersOf, type HostileRow, type HostileTarget } from "./hostileRow.js";

const greedy = { tenantId: parseTenantId("greedy"), ...createApiKey() };
const modest = { tenantId: parseTenantId("modest"), ...createApiKey() };

const environment = {
  API_KEYS: JSON.stringify({
    keys: [greedy, modest].map(({ tenantId, hash }) => ({ tenant: tenantId, hash, scopes: ["read"] })),
  }),
};

const OTHER_TENANT_WAITS_MS = 5_000;

/** Requests to the console. The engine is a process of its own. */
export const readRows: readonly HostileRow[] = [
  {
    name: "30 explanations of 8 000 spans whose clients leave after 100 ms, and another tenant's of one span, within 5 s",
    app: "console",
    environment,
    async prepare({ place, quick }) {
      await storeSpans(place, greedy.tenantId, oneTrace(quick ? 50 : 8_000));
      await storeSpans(place, modest.tenantId, oneTrace(1));
    },
    async attack({ url }) {
      // Both tenants have a trace of this id.
      const path = `${url}/api/traces/${traceIdOf(oneTrace(1))}/explain`;
      const left = Array.from({ length: 30 }, () => read(path, greedy.key, AbortSignal.timeout(100)));
      await sleep(100);
      const other = await read(path, modest.key, AbortSignal.timeout(OTHER_TENANT_WAITS_MS));
      await Promise.all(left);
      return answersOf([other]);
    },
  },
  {
    name: "8 at once read all 10 000 spans of 16 KB of one trace, page by page",
    app: "console",
    environment,
    maxGrowthMb: 1_000,
    async prepare({ place, quick }) {
      await storeSpans(place, greedy.tenantId, largeSpans(quick ? 20 : 10_000));
    },
    async attack({ url }) {
      const path = `${url}/api/traces/${traceIdOf(largeSpans(1))}/spans?limit=10000`;
      return answersOf(
        (await Promise.all(Array.from({ length: 8 }, () => readPages(path, greedy.key)))).flat(),
      );
    },
  },
  {
    name: "all 300 000 spans of one trace, page by page",
    app: "console",
    environment,
    maxGrowthMb: 500,
    async prepare({ place, quick }) {
      await storeSpans(place, greedy.tenantId, oneTrace(quick ? 50 : 300_000));
    },
    async attack({ url }) {
      return answersOf(
        await readPages(`${url}/api/traces/${traceIdOf(oneTrace(1))}/spans?limit=10000`, greedy.key),
      );
    },
  },
  {
    name: "100 listings of 500 traces at once, of 2 000 with long messages",
    app: "console",
    environment,
    maxGrowthMb: 1_000,
    async prepare({ place, quick }) {
      const spans = genAiTraces({ traces: quick ? 5 : 2_000, spansPerTrace: 1, seed: 7 });
      const text = "word ".repeat(4_000);
      const messages = JSON.stringify(
        Array.from({ length: 3 }, () => ({ role: "user", parts: [{ type: "text", content: text }] })),
      );
      const long = spans.map((span) => ({
        ...span,
        attributes: new Map(span.attributes).set("gen_ai.input.messages", messages),
      }));
      await storeSpans(place, greedy.tenantId, long);
      await project(place, greedy.tenantId, long);
    },
    async attack({ url }) {
      const listings = Array.from({ length: 100 }, () =>
        read(`${url}/api/traces?limit=500`, greedy.key, AbortSignal.timeout(60_000)),
      );
      return answersOf(await Promise.all(listings));
    },
  },
];

function oneTrace(spansPerTrace: number): OtlpSpan[] {
  return genAiTraces({ traces: 1, spansPerTrace, seed: 5 });
}

function largeSpans(count: number): OtlpSpan[] {
  const text = "word ".repeat(3_276);
  return genAiTraces({ traces: 1, spansPerTrace: count, seed: 6 }).map((span) => ({
    ...span,
    attributes: new Map([["gen_ai.output.messages", text]]),
  }));
}

function traceIdOf([span]: readonly OtlpSpan[]): string {
  return span?.traceId ?? "";
}

type Tables = HostileTarget["place"];

const SPANS_AT_ONCE = 1_000;

async function storeSpans(
  { client, database }: Tables,
  tenantId: TenantId,
  spans: readonly OtlpSpan[],
): Promise<void> {
  const store = spanEventStoreClickHouse(client, { database });
  for (let from = 0; from < spans.length; from += SPANS_AT_ONCE) {
    const some = spans.slice(from, from + SPANS_AT_ONCE).map((span) => createSpanEvent(span, 1n));
    await store.storeEvents(some, { tenantId });
  }
}

async function project(
  { client, database }: Tables,
  tenantId: TenantId,
  spans: readonly OtlpSpan[],
): Promise<void> {
  const { service } = createEventSourcingPipeline({
    eventStore: spanEventStoreClickHouse(client, { database }),
    projectionStore: traceProjectionStoreClickHouse(client, { database }),
    eventHandler: new TraceProjectionEventHandler(),
  });
  await service.rebuildProjections([...new Set(spans.map(({ traceId }) => traceId))], {
    eventStoreContext: { tenantId },
    projectionStoreContext: { tenantId },
  });
}

/** The status of the answer, once it is read; undefined without one. */
async function read(url: string, key: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const response = await fetch(url, { headers: { "x-api-key": key }, signal });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return undefined;
  }
}

/** The statuses of all pages. */
async function readPages(url: string, key: string): Promise<(number | undefined)[]> {
  const statuses: (number | undefined)[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(`${url}${query}`, { headers: { "x-api-key": key } });
    statuses.push(response.status);
    if (!response.ok) return statuses;
    cursor = ((await response.json()) as { readonly nextCursor: string | null }).nextCursor;
  } while (cursor !== null);
  return statuses;
}
