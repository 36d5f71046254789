// Stores spans and keeps their traces' projections current in one process, wired as standalone wires it.
import { startWorker, type WorkerConfig, workerVariables } from "@es/app-worker";
import { type AggregateRef, aggregateRefKey, parseTenantId } from "@es/core";
import { createLogger } from "@es/host";
import { LeasesMemory, ProjectionQueueMemory } from "@es/queue-memory";
import { SpanIngestionWriteRepositoryClickHouse } from "@es/trace-clickhouse";
import { openTraceStore } from "@es/trace-wiring";
import { z } from "zod";
import { answerCalls } from "../../harness/program.js";
import { chainSpans } from "./chainSpans.js";

/** Where it works. */
export interface PipelinePlace {
  readonly clickhouseUrl: string;
  readonly database: string;
}

export interface SpansToStore {
  readonly tenantId: string;
  readonly traceId: string;
  /** The first of them is the trace's span of this number. */
  readonly from: number;
  readonly spans: number;
}

const STORED_AT_ONCE = 5_000;
const queue = new ProjectionQueueMemory({ delayMs: 0, limiter: null });
const running = new Map<string, { resolve(): void; reject(error: unknown): void }>();
let repository: SpanIngestionWriteRepositoryClickHouse;
let close = async () => {};

answerCalls({ open, store, rebuild }, () => close());

async function open({ clickhouseUrl, database }: PipelinePlace): Promise<void> {
  const logger = createLogger({ name: "bench", defaultLevel: "warn" });
  const traces = openTraceStore({ CLICKHOUSE_URL: clickhouseUrl, CLICKHOUSE_DATABASE: database }, logger);
  await traces.opened;
  // It looks at what lags once, at the start, when there is nothing yet.
  const config: WorkerConfig = z.object(workerVariables).parse({ RECONCILE_INTERVAL_MS: "0" });
  const worker = startWorker(config, {
    store: traces,
    queue,
    leases: new LeasesMemory(),
    work: (run) =>
      queue.work(
        async (ref, context) => {
          const waiting = running.get(aggregateRefKey(ref));
          try {
            await run(ref, context);
            waiting?.resolve();
          } catch (error) {
            waiting?.reject(error);
            throw error;
          }
        },
        { concurrency: config.WORKER_CONCURRENCY },
      ),
    logger,
  });
  repository = new SpanIngestionWriteRepositoryClickHouse({
    eventStore: traces.eventStore,
    queue: { schedule: async () => {} },
  });
  close = async () => {
    await queue.close();
    await worker.stop();
    await traces.close();
  };
}

/** Resolves when the spans are stored and the projection that has them all is too. Seconds. */
async function store({ tenantId: tenant, traceId, from, spans }: SpansToStore): Promise<number> {
  const tenantId = parseTenantId(tenant);
  const start = performance.now();
  for (let done = 0; done < spans; done += STORED_AT_ONCE) {
    const some = Math.min(STORED_AT_ONCE, spans - done);
    await repository.storeSpans(chainSpans(traceId, from + done, some), { tenantId });
  }
  await project([{ tenantId, aggregateId: traceId }]);
  return (performance.now() - start) / 1_000;
}

/** Seconds. */
async function rebuild(refs: readonly (readonly [tenantId: string, traceId: string])[]): Promise<number> {
  const start = performance.now();
  await project(refs.map(([tenantId, aggregateId]) => ({ tenantId: parseTenantId(tenantId), aggregateId })));
  return (performance.now() - start) / 1_000;
}

async function project(refs: readonly AggregateRef[]): Promise<void> {
  const runs = refs.map(
    (ref) => new Promise<void>((resolve, reject) => running.set(aggregateRefKey(ref), { resolve, reject })),
  );
  await queue.schedule(refs);
  await Promise.all(runs);
}
