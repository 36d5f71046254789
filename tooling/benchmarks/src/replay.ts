// `npm run bench:replay`: how fast a replay is, and how much memory its process needs at most.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { createClient } from "@clickhouse/client";
import {
  createAcceptedClock,
  createEventSourcingPipeline,
  parseTenantId,
  Replays,
  replayPace,
  startReplayRunner,
} from "@es/core";
import { LeasesMemory } from "@es/queue-memory";
import {
  AggregateSourceClickHouse,
  migrate,
  ReplayStoreClickHouse,
  replayClickHouseMigrations,
} from "@es/store-clickhouse";
import { startTestServices } from "@es/tooling-services";
import { createSpanEvent, TraceProjectionEventHandler } from "@es/trace-projection";
import {
  spanEventStoreClickHouse,
  spanTable,
  traceClickHouseMigrations,
  traceProjectionStoreClickHouse,
} from "@es/trace-projection/clickhouse";
import { demoTraces } from "@es/trace-projection/demo";

const { values } = parseArgs({
  options: {
    traces: { type: "string", default: "100000" },
    concurrency: { type: "string", default: "32" },
  },
});
/** Realistic ones, without the one of two thousand spans, which would be nearly all of the work. */
const templates = demoTraces({ now: 1_700_000_000_000_000_000n }).filter(
  ({ batches }) => batches.flat().length < 200,
);
const copies = Math.ceil(Number(values.traces) / templates.length);
const traces = copies * templates.length;
const concurrency = Number(values.concurrency);

const services = await startTestServices();
const client = createClient({ url: services.clickhouse.url, request_timeout: 60_000 });
const database = `bench_${randomUUID().replaceAll("-", "")}`;
const tenantId = parseTenantId("bench");
const COPIES_AT_ONCE = 1_000;
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

try {
  await migrate(client, { database, migrations: [traceClickHouseMigrations, replayClickHouseMigrations] });
  const eventStore = spanEventStoreClickHouse(client, { database });
  const clock = createAcceptedClock();
  const events = templates.flatMap(({ batches }) =>
    batches.flat().map((span) => createSpanEvent(span, clock.next())),
  );
  await eventStore.storeEvents(events, { tenantId });
  await client.command({
    query: `CREATE TABLE ${database}.templates ENGINE = Memory AS SELECT * FROM ${database}.spans FINAL`,
  });
  // The engine makes the rest: the same traces under other ids.
  for (let from = 1; from < copies; from += COPIES_AT_ONCE) {
    await client.command({
      query:
        `INSERT INTO ${database}.spans SELECT s.* REPLACE(` +
        "concat(lower(leftPad(hex(n.number), 16, '0')), substring(s.TraceId, 17)) AS TraceId) " +
        `FROM ${database}.templates AS s CROSS JOIN numbers(${from}, ${Math.min(COPIES_AT_ONCE, copies - from)}) AS n`,
    });
  }
  const count = await client.query({
    query: `SELECT count() AS n FROM ${database}.spans`,
    format: "JSONEachRow",
  });
  const spans = Number((await count.json<{ n: string }>())[0]?.n);

  const replayStore = new ReplayStoreClickHouse(client, { database });
  const { service } = createEventSourcingPipeline({
    eventStore,
    projectionStore: traceProjectionStoreClickHouse(client, { database }),
    eventHandler: new TraceProjectionEventHandler(),
  });
  const atRest = process.memoryUsage.rss();
  let peak = atRest;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const replays = new Replays(replayStore);
  const { definition } = await replays.start({ ratePerSecond: null });
  await new Promise<void>((resolve) => {
    const runner = startReplayRunner({
      store: replayStore,
      source: new AggregateSourceClickHouse(client, { database, table: spanTable() }),
      service,
      leases: new LeasesMemory(),
      concurrency,
      onEnded: () => void runner.stop().then(resolve),
    });
  });
  clearInterval(sampling);
  const replay = await replays.get(definition.id);
  if (replay === null || replay.progress === null) throw new Error("The replay is gone");
  const { progress } = replay;
  if (progress.rebuilt !== traces) throw new Error(`${progress.rebuilt} of ${traces} were rebuilt`);
  console.log(
    [
      `${traces} traces of ${spans} spans in all, ${concurrency} at once, ClickHouse from ${services.clickhouse.source}`,
      `${(progress.activeMs / 1_000).toFixed(1)} s: ${replayPace(replay).perSecond?.toFixed(0)} traces/s`,
      `memory of the replaying process: ${mebibytes(atRest)} before, at most ${mebibytes(peak)}`,
    ].join("\n"),
  );
} finally {
  await client.command({ query: `DROP DATABASE IF EXISTS ${database}` });
  await client.close();
  await services.close();
}
