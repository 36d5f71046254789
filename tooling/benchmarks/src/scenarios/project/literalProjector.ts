// The projection worker as its first description reads: a job is a query of its trace, a fold and an insert, and the same
// for the session that the trace names. Without the limit of ten jobs per second, which would be all that is measured.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createEventStream, type Event, type ProjectionRecord } from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import { defaultConcurrency } from "@es/processing";
import { sessionEventsOf } from "@es/session-projection";
import { sessionEventTable, sessionProjectionTable } from "@es/session-projection/clickhouse";
import {
  type EventTable,
  insertSettings,
  type ProjectionTable,
  type Row,
  readSettings,
  selectList,
} from "@es/store-clickhouse";
import { spanTable, traceProjectionTable } from "@es/trace-clickhouse";
import { Queue, Worker } from "bullmq";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";
import type { RebuildPlace } from "./rebuilding.js";
import { recordOf, sessionHandler, traceHandler } from "./recordOf.js";

const QUEUE_NAME = "projections";
const spans = spanTable();
const traceProjections = traceProjectionTable(traceHandler.version);
const sessionEvents = sessionEventTable();
const sessionProjections = sessionProjectionTable(sessionHandler.version);
const clock = createAcceptedClock();
let queue: Queue<{ readonly traceId: string }>;
let failure: Error | undefined;
let close = async () => {};

// Nothing is left to do for sessions when the jobs are done.
answerCalls({ open, rebuild, rebuildSessions: () => undefined }, () => close());

async function open({ clickhouseUrl, database, redisUrl, prefix }: RebuildPlace): Promise<void> {
  const client = createClient({ url: clickhouseUrl, database, log: { level: ClickHouseLogLevel.OFF } });
  const connection = { url: redisUrl };
  queue = new Queue(QUEUE_NAME, {
    connection,
    prefix,
    defaultJobOptions: {
      attempts: 3,
      backoff: { type: "exponential", delay: 2_000 },
      removeOnComplete: true,
    },
  });

  async function read<TEvent extends Event>(table: EventTable<TEvent>, aggregateId: string) {
    const { tenantId: tenant, aggregateId: aggregate } = table.columns;
    const select = selectList([...Object.values(table.columns), ...table.selectColumns]);
    const result = await client.query({
      query: `SELECT ${select} FROM ${table.name} FINAL WHERE ${tenant} = {tenantId: String} AND ${aggregate} = {aggregateId: String}`,
      format: "JSONEachRow",
      query_params: { tenantId, aggregateId },
      clickhouse_settings: readSettings,
    });
    return createEventStream(aggregateId, (await result.json<Row>()).map(table.fromRow));
  }

  async function insert(table: string, values: readonly Row[]): Promise<void> {
    await client.insert({ table, format: "JSONEachRow", values, clickhouse_settings: insertSettings });
  }

  async function write<TProjection>(
    { name, columns, fixed, encode, toTypedColumns }: ProjectionTable<TProjection>,
    record: ProjectionRecord<string, TProjection>,
  ): Promise<void> {
    const text = encode?.(record.projection) ?? JSON.stringify(record.projection);
    await insert(name, [
      {
        ...fixed,
        [columns.tenantId]: tenantId,
        [columns.aggregateId]: record.aggregateId,
        [columns.version]: String(record.version),
        [columns.projection]: text,
        [columns.metadata]: JSON.stringify(record.metadata),
        ...toTypedColumns?.(record, tenantId, text),
      },
    ]);
  }

  async function project(traceId: string): Promise<void> {
    const record = recordOf(traceHandler, await read(spans, traceId));
    const told = sessionEventsOf(record, traceHandler.version, clock);
    for (const event of told) await insert(sessionEvents.name, [sessionEvents.toRow(event, tenantId)]);
    await write(traceProjections, record);
    for (const { aggregateId } of told)
      await write(sessionProjections, recordOf(sessionHandler, await read(sessionEvents, aggregateId)));
  }

  const worker = new Worker<{ readonly traceId: string }>(QUEUE_NAME, ({ data }) => project(data.traceId), {
    connection,
    prefix,
    concurrency: defaultConcurrency(availableParallelism()),
  });
  worker.on("failed", (_job, error) => {
    failure = error;
  });
  close = async () => {
    await worker.close();
    await queue.close();
    await client.close();
  };
}

/** Also waits for what others have added. Seconds. */
async function rebuild(traceIds: readonly string[]): Promise<number> {
  const start = performance.now();
  await Promise.all(
    traceIds.map((traceId) =>
      queue.add("project", { traceId }, { deduplication: { id: `${tenantId}:${traceId}` } }),
    ),
  );
  do {
    if (failure !== undefined) throw failure;
    await sleep(10);
  } while ((await queue.getJobCountByTypes("waiting", "active", "delayed")) > 0);
  return (performance.now() - start) / 1_000;
}
