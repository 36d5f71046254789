// The projection worker as its first description reads: a job is a query of its trace, a fold and an insert. Without the
// limit of ten jobs per second, which would be all that is measured.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@clickhouse/client";
import { createEventStream, defaultConcurrency } from "@es/core";
import { insertSettings, type Row, readSettings, selectList } from "@es/store-clickhouse";
import { spanTable, traceProjectionTable } from "@es/trace-projection/clickhouse";
import { Queue, Worker } from "bullmq";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";
import type { RebuildPlace } from "./rebuilding.js";
import { recordOf } from "./recordOf.js";

const QUEUE_NAME = "projections";
const events = spanTable();
const projections = traceProjectionTable();
let queue: Queue<{ readonly traceId: string }>;
let failure: Error | undefined;
let close = async () => {};

answerCalls({ open, rebuild }, () => close());

async function open({ clickhouseUrl, database, redisUrl, prefix }: RebuildPlace): Promise<void> {
  const client = createClient({ url: clickhouseUrl, database });
  const select = selectList([...Object.values(events.columns), ...events.selectColumns]);
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

  async function project(traceId: string): Promise<void> {
    const result = await client.query({
      query: `SELECT ${select} FROM ${events.name} FINAL WHERE TenantId = {tenantId: String} AND TraceId = {traceId: String}`,
      format: "JSONEachRow",
      query_params: { tenantId, traceId },
      clickhouse_settings: readSettings,
    });
    const stream = createEventStream(traceId, (await result.json<Row>()).map(events.fromRow));
    const record = recordOf(stream);
    await client.insert({
      table: projections.name,
      format: "JSONEachRow",
      values: [
        {
          [projections.columns.tenantId]: tenantId,
          [projections.columns.aggregateId]: traceId,
          [projections.columns.version]: String(record.version),
          [projections.columns.projection]: projections.encode?.(record.projection),
          [projections.columns.metadata]: JSON.stringify(record.metadata),
          ...projections.toTypedColumns?.(record, tenantId),
        },
      ],
      clickhouse_settings: insertSettings,
    });
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
