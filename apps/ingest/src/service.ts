import { type Logger, openAccess } from "@es/host";
import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import { SpanIngestionWriteRepositoryClickHouse } from "@es/trace-clickhouse";
import { openTraceStore } from "@es/trace-wiring";
import type { IngestServiceConfig } from "./config.js";
import { type RunningIngest, startIngest } from "./ingest.js";

/** Ingest as a process of its own: ClickHouse over HTTP, the queue on Redis. */
export async function startIngestService(
  config: IngestServiceConfig,
  logger: Logger,
): Promise<RunningIngest> {
  const access = await openAccess(config, { logger, hosts: { INGEST_HOST: config.INGEST_HOST } });
  const queue = new ProjectionQueueBullMQ({
    connection: config.REDIS_URL,
    queueName: config.QUEUE_NAME,
    prefix: config.QUEUE_PREFIX,
    delayMs: config.QUEUE_DELAY_MS,
    onError: (error) => logger.warn({ error }, "Redis fails the queue"),
  });
  const store = openTraceStore(config, logger, { needs: ["ingest"] });
  const close = async () => {
    await queue.close();
    await store.close();
    await access.close();
  };
  const repository = new SpanIngestionWriteRepositoryClickHouse({
    eventStore: store.eventStore,
    queue,
    onScheduleError: (error) =>
      logger.warn({ error }, "Traces were stored but not scheduled; the reconciler will"),
  });
  try {
    const ingest = await startIngest(config, {
      repository,
      store,
      access,
      logger,
      readiness: {
        // Without Redis it still acknowledges: that is no reason to send clients elsewhere.
        async redis() {
          try {
            return await queue.check();
          } catch (error) {
            return `spans are stored but not scheduled, the reconciler of a worker will: ${error instanceof Error ? error.message : String(error)}`;
          }
        },
      },
    });
    return {
      url: ingest.url,
      async stop() {
        await ingest.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
