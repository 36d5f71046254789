import { type AppStart, openAccess } from "@es/host";
import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import { SpanIngestionWriteRepositoryClickHouse } from "@es/trace-clickhouse";
import { openTraceStore } from "@es/trace-wiring";
import type { IngestAppConfig } from "./config.js";
import { startIngest } from "./ingest.js";

/** Ingest as a process of its own: ClickHouse over HTTP, the queue on Redis. */
export async function startIngestApp(
  config: IngestAppConfig,
  { logger, closers, telemetry }: AppStart,
): Promise<void> {
  const access = await openAccess(config, { logger, hosts: { INGEST_HOST: config.INGEST_HOST } });
  closers.add(() => access.close());
  const store = openTraceStore(config, logger, { needs: ["ingest"] });
  closers.add(() => store.close());
  const queue = new ProjectionQueueBullMQ({
    connection: config.REDIS_URL,
    queueName: config.QUEUE_NAME,
    prefix: config.QUEUE_PREFIX,
    delayMs: config.QUEUE_DELAY_MS,
    onError: (error) => logger.warn({ error }, "Redis fails the queue"),
  });
  closers.add(() => queue.close());
  const repository = new SpanIngestionWriteRepositoryClickHouse({
    eventStore: store.eventStore,
    queue,
    onScheduleError: (error) =>
      logger.warn({ error }, "Traces were stored but not scheduled; the reconciler will"),
  });
  const ingest = await startIngest(config, {
    repository,
    store,
    access,
    logger,
    readiness: { redis: () => noteOfRedis(queue) },
  });
  closers.add(() => ingest.stop());
  logger.info({ url: ingest.url, telemetry }, "OTLP/HTTP ready at /v1/traces");
}

/** A note, not a failure: without Redis ingest still acknowledges, and clients need not go elsewhere. */
async function noteOfRedis(queue: ProjectionQueueBullMQ): Promise<string | undefined> {
  try {
    return await queue.check();
  } catch (error) {
    return `spans are stored but not scheduled, the reconciler of a worker will: ${error instanceof Error ? error.message : String(error)}`;
  }
}
