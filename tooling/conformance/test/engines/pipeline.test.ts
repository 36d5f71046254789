import { randomUUID } from "node:crypto";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import { type AggregateRef, createEventSourcingPipeline, parseTenantId } from "@es/core";
import { canonicalJson } from "@es/core/adapter";
import { decodeTraceRequest } from "@es/otlp";
import { migrate } from "@es/store-clickhouse";
import {
  SpanIngestionWriteRepositoryClickHouse,
  spanEventStoreClickHouse,
  traceClickHouseMigrations,
  traceProjectionStoreClickHouse,
} from "@es/trace-clickhouse";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recordedFixtures, tracesOf } from "../../src/fixture.js";
import { handMadeFixtures } from "../../src/handMade.js";
import { project } from "../../src/project.js";

const database = `conformance_${randomUUID().replaceAll("-", "")}`;
const tenantId = parseTenantId("conformance");
let client: ClickHouseClient;

beforeAll(async () => {
  const url = process.env.CLICKHOUSE_URL;
  if (url === undefined)
    throw new Error("CLICKHOUSE_URL is not set: run the tests through vitest.config.ts.");
  client = createClient({ url });
  await migrate(client, { database, migrations: [traceClickHouseMigrations] });
});

afterAll(async () => {
  await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await client.close();
});

it("gives the same projections through ClickHouse as without", { timeout: 300_000 }, async () => {
  const eventStore = spanEventStoreClickHouse(client, { database });
  const projectionStore = traceProjectionStoreClickHouse(client, { database });
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore,
    eventHandler: new TraceProjectionEventHandler(),
  });
  const scheduled = new Map<string, AggregateRef>();
  const repository = new SpanIngestionWriteRepositoryClickHouse({
    eventStore,
    queue: {
      schedule: async (refs) => {
        for (const ref of refs) scheduled.set(ref.aggregateId, ref);
      },
    },
  });

  const fixtures = [...recordedFixtures(), ...handMadeFixtures()];
  await Promise.all(
    fixtures
      .flatMap(({ requests }) => requests)
      .map(({ encoding, bytes }) =>
        repository.storeSpans(decodeTraceRequest(bytes, encoding).spans, { tenantId }),
      ),
  );
  const traces = fixtures.flatMap(tracesOf);
  expect(scheduled.size).toBe(traces.length);
  const context = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
  await Promise.all([...scheduled.keys()].map((traceId) => service.rebuildProjection(traceId, context)));
  await Promise.all(
    traces.map(async (spans) => {
      const stored = await service.getProjection(spans[0]?.traceId ?? "", context);
      const got = stored.status === "found" ? stored.record.projection : stored.status;
      expect(canonicalJson(got)).toBe(canonicalJson(project(spans)));
    }),
  );
});
