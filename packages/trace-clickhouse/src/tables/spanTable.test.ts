import { EventSourcingError, parseTenantId } from "@es/core";
import type { OtlpSpan } from "@es/otlp";
import { EventStoreClickHouse } from "@es/store-clickhouse";
import { createSpanEvent, type SpanEvent } from "@es/trace-projection";
import { buildResource, buildSpan } from "@es/trace-projection/demo";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anySpan } from "../../../trace-projection/test/spanArbitraries.js";
import { newTestDatabase, type TestDatabase } from "../../test/testDatabase.js";
import { spanEventFromRow, spanEventToRow } from "../columns/spanRow.js";
import { spanEventStoreClickHouse, spanTable } from "../index.js";

let db: TestDatabase;
beforeAll(async () => {
  db = await newTestDatabase();
});
afterAll(() => db.drop());

const acme = parseTenantId("acme");

async function query<T>(text: string): Promise<readonly T[]> {
  const result = await db.client.query({ query: text.replaceAll("$db", db.database), format: "JSONEachRow" });
  return result.json<T>();
}

/** Tells apart what `toEqual` does not: the order of maps, int64 and double, 0 and -0. */
function spelled(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (value instanceof Map) {
    return `Map {${[...value].map(([key, member]) => `${JSON.stringify(key)}=>${spelled(member)}`).join()}}`;
  }
  if (Array.isArray(value)) return `[${value.map(spelled).join()}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([key, member]) => `${key}:${spelled(member)}`).join()}}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  return Object.is(value, -0) ? "-0 double" : `${String(value)} ${typeof value}`;
}

describe("the span table", () => {
  it("gives back every span exactly as it was stored, in binary and as text", async () => {
    const store = spanEventStoreClickHouse(db.client, { database: db.database });
    const { binary, ...textTable } = spanTable();
    expect(binary).toBeDefined();
    const byText = new EventStoreClickHouse(db.client, { database: db.database, table: textTable });
    let accepted = 1_780_000_000_000_000_000n;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(anySpan, { minLength: 1, maxLength: 40, selector: (span) => span.spanId }),
        async (drafts) => {
          const traceId = Array.from({ length: 32 }, () => Math.floor(Math.random() * 16).toString(16)).join(
            "",
          );
          const spans = drafts.map((span) => ({ ...span, traceId }));
          const events = spans.map((span) => createSpanEvent(span, accepted++));
          await store.storeEvents(events, { tenantId: acme });
          const read = await store.getEvents(traceId, { tenantId: acme });
          const byId = (all: readonly SpanEvent[]) =>
            all.toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(spelled);
          expect(byId(read)).toEqual(byId(events));
          expect((await byText.getEvents(traceId, { tenantId: acme })).map(spelled)).toEqual(
            read.map(spelled),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it("gives the row back to the span without an engine in between, too", () => {
    fc.assert(
      fc.property(anySpan, (span) => {
        const row = JSON.parse(JSON.stringify(spanEventToRow(createSpanEvent(span, 7n), acme)));
        // What the engine's expression makes of the times.
        const EventTimes = span.events.map(({ timeUnixNano: time }) =>
          String(time >= 2n ** 63n ? 2n ** 63n - 1n : time),
        );
        expect(spelled(spanEventFromRow({ ...row, EventTimes }).data)).toBe(spelled(span));
      }),
      { numRuns: 300 },
    );
  });

  it("refuses what UTF-8 cannot hold before anything is written", async () => {
    const store = spanEventStoreClickHouse(db.client, { database: db.database });
    const traceId = "b".repeat(32);
    const good = span({ traceId, spanId: "0000000000000001" });
    const bad = { ...good, spanId: "0000000000000002", attributes: new Map([["k", "\ud800"]]) };
    const failure = await store
      .storeEvents([createSpanEvent(good, 1n), createSpanEvent(bad, 2n)], { tenantId: acme })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(EventSourcingError);
    expect((failure as EventSourcingError).code).toBe("INVALID_EVENT");
    expect(await store.getEvents(traceId, { tenantId: acme })).toEqual([]);
  });

  it("stores the last moment of the unsigned range, and a span kind nobody has heard of", async () => {
    const store = spanEventStoreClickHouse(db.client, { database: db.database });
    const odd = span({
      traceId: "c".repeat(32),
      spanId: "0000000000000003",
      startTimeUnixNano: 2n ** 64n - 1n,
      endTimeUnixNano: 0n,
      kind: -1,
    });
    await store.storeEvents([createSpanEvent(odd, 5n)], { tenantId: acme });
    expect((await store.getEvents(odd.traceId, { tenantId: acme }))[0]?.data).toEqual(odd);
  });
});

describe("the exporter's views", () => {
  const traceId = "a".repeat(32);
  const start = 1_780_000_000_123_456_789n;

  beforeAll(async () => {
    const store = spanEventStoreClickHouse(db.client, { database: db.database });
    const first = buildSpan({
      traceId,
      spanId: "00000000000000a1",
      name: "GET /",
      kind: 2,
      start,
      end: start + 1_500n,
      attributes: { "http.status": 200, ok: true, ratio: 0.5, list: ["a", 1], text: "t" },
      resource: buildResource("shop"),
      status: { code: 2, message: "boom" },
      events: [{ name: "exception", at: start + 1n, attributes: { "exception.type": "E" } }],
    });
    const second = { ...first, spanId: "00000000000000a2", startTimeUnixNano: start + 7n, kind: 3 };
    await store.storeEvents([createSpanEvent(first, 1n), createSpanEvent(second, 2n)], { tenantId: acme });
    await store.storeEvents([createSpanEvent({ ...first, name: "GET /again" }, 3n)], { tenantId: acme });
  });

  it("otel_traces has the exporter's columns and types", async () => {
    const columns = await query<{ name: string; type: string }>("DESCRIBE TABLE $db.otel_traces");
    expect(columns.map(({ name, type }) => `${name} ${type}`)).toEqual([
      "Timestamp DateTime64(9)",
      "TraceId String",
      "SpanId String",
      "ParentSpanId String",
      "TraceState String",
      "SpanName LowCardinality(String)",
      "SpanKind LowCardinality(String)",
      "ServiceName LowCardinality(String)",
      "ResourceAttributes Map(LowCardinality(String), String)",
      "ScopeName String",
      "ScopeVersion String",
      "SpanAttributes Map(LowCardinality(String), String)",
      "Duration UInt64",
      "StatusCode LowCardinality(String)",
      "StatusMessage String",
      "Events.Timestamp Array(DateTime64(9))",
      "Events.Name Array(LowCardinality(String))",
      "Events.Attributes Array(Map(LowCardinality(String), String))",
      "Links.TraceId Array(String)",
      "Links.SpanId Array(String)",
      "Links.TraceState Array(String)",
      "Links.Attributes Array(Map(LowCardinality(String), String))",
      "TenantId String",
    ]);
  });

  it("otel_traces has each span once, as the exporter writes it", async () => {
    const rows = await query<Record<string, unknown>>(
      `SELECT *, toString(toUnixTimestamp64Nano(Timestamp)) AS nanos FROM $db.otel_traces WHERE TraceId = '${traceId}' ORDER BY SpanId`,
    );
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatchObject({
      nanos: String(start),
      SpanName: "GET /again",
      SpanKind: "Server",
      ServiceName: "shop",
      SpanAttributes: { "http.status": "200", ok: "true", ratio: "0.5", list: '["a",1]', text: "t" },
      StatusCode: "Error",
      StatusMessage: "boom",
      "Events.Name": ["exception"],
      "Events.Attributes": [{ "exception.type": "E" }],
    });
    expect(Number(rows[0]?.Duration)).toBe(1_500);
    expect(rows[1]).toMatchObject({ SpanKind: "Client" });
  });

  it("otel_traces_trace_id_ts answers the query Grafana's trace panel sends", async () => {
    const columns = await query<{ name: string; type: string }>("DESCRIBE TABLE $db.otel_traces_trace_id_ts");
    expect(columns.slice(0, 3).map(({ name, type }) => `${name} ${type}`)).toEqual([
      "TraceId String",
      "Start DateTime64(9)",
      "End DateTime64(9)",
    ]);
    const rows = await query<{ spans: string | number }>(
      `WITH '${traceId}' AS trace_id, ` +
        "(SELECT min(Start) FROM $db.otel_traces_trace_id_ts WHERE TraceId = trace_id) AS trace_start, " +
        "(SELECT max(End) + 1 FROM $db.otel_traces_trace_id_ts WHERE TraceId = trace_id) AS trace_end " +
        "SELECT count() AS spans FROM $db.otel_traces " +
        "WHERE TraceId = trace_id AND Timestamp >= trace_start AND Timestamp <= trace_end",
    );
    expect(Number(rows[0]?.spans)).toBe(2);
  });
});

function span(change: Partial<OtlpSpan>): OtlpSpan {
  return {
    ...buildSpan({
      traceId: "0".repeat(31).concat("1"),
      spanId: "0".repeat(16),
      name: "n",
      start: 1n,
      end: 2n,
    }),
    ...change,
  };
}
