import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import type { ChildService, TestServices } from "@es/tooling-services";
import { BENCH_TENANT, type Place, takePlace } from "../../engines/place.js";
import { startService } from "../../engines/service.js";
import { fillTraceTables, migrateTraceTables } from "../../engines/traceTables.js";
import type { Contender, Role, Round } from "../../harness/comparison.js";
import { type Pids, watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import { drained } from "./drained.js";
import type { RebuildPlace } from "./rebuilding.js";

export const OURS_BULLMQ = "ours, BullMQ";
export const OURS_MEMORY = "ours, queue in memory";
export const FLOOR = "floor: batches without a queue";
export const LITERAL = "a query and an insert per trace";

/** How the services name it when nobody does. */
const QUEUE_NAME = "trace-projections";
/** Traces that a request of a thousand spans touches. */
const SCHEDULED_AT_ONCE = 100;

/** What rebuilds traces. */
export interface Rebuilder {
  readonly pids: Pids;
  /** Resolves with the seconds it took. */
  rebuild(traceIds: readonly string[]): Promise<number>;
  close(): Promise<void>;
}

/** `apps/worker`, with the calls that ingest makes beside it. */
export function bullMqProjects(services: TestServices, traces: number): Contender {
  return contender({ name: OURS_BULLMQ, role: "ours", services, traces }, async (place) => {
    const worker = await startWorkerService(place);
    const queue = openQueue(place);
    return {
      pids: { worker: worker.pid, "schedule calls": process.pid },
      async rebuild(traceIds) {
        const start = performance.now();
        for (let from = 0; from < traceIds.length; from += SCHEDULED_AT_ONCE) {
          const some = traceIds.slice(from, from + SCHEDULED_AT_ONCE);
          await queue.schedule(some.map((aggregateId) => ({ tenantId: BENCH_TENANT, aggregateId })));
        }
        await drained(queue);
        return (performance.now() - start) / 1_000;
      },
      async close() {
        await queue.close();
        await worker.close();
      },
    };
  });
}

/** `apps/worker`, which makes the tables. It looks at what lags once, at the start, when there is nothing yet. */
export function startWorkerService(place: Place): Promise<ChildService> {
  return startService("worker", { ...place.environment, RECONCILE_INTERVAL_MS: "0" });
}

/** The queue of the services, from this process. */
export function openQueue({ redisUrl: connection, prefix }: Place): ProjectionQueueBullMQ {
  return new ProjectionQueueBullMQ({ connection, prefix, queueName: QUEUE_NAME, delayMs: 0 });
}

export function memoryProjects(services: TestServices, traces: number): Contender {
  return contender(
    { name: OURS_MEMORY, role: "ours", services, traces },
    programRebuilds("scenarios/project/memoryProjector.js"),
  );
}

export function batchProjects(services: TestServices, traces: number): Contender {
  return contender(
    { name: FLOOR, role: "floor", services, traces },
    programRebuilds("scenarios/project/batchProjector.js", migrateTraceTables),
  );
}

export function literalProjects(services: TestServices, traces: number): Contender {
  return contender(
    { name: LITERAL, role: "baseline", services, traces },
    programRebuilds("scenarios/project/literalProjector.js", migrateTraceTables),
  );
}

function programRebuilds(
  path: RebuildProgram,
  prepare: (place: Place) => Promise<void> = async () => {},
): (place: Place) => Promise<Rebuilder> {
  return async (place) => {
    await prepare(place);
    return startRebuilder(place, path);
  };
}

export type RebuildProgram = `scenarios/project/${"memory" | "batch" | "literal"}Projector.js`;

export async function startRebuilder(place: Place, path: RebuildProgram): Promise<Rebuilder> {
  const program = await Program.start(path);
  const { clickhouseUrl, database, redisUrl, prefix } = place;
  await program.call("open", { clickhouseUrl, database, redisUrl, prefix } satisfies RebuildPlace);
  return {
    pids: { worker: program.pid },
    rebuild: (traceIds) => program.call<number>("rebuild", traceIds),
    close: () => program.stop(),
  };
}

interface ContenderSetUp {
  readonly name: string;
  readonly role: Role;
  readonly services: TestServices;
  readonly traces: number;
}

function contender(
  { name, role, services, traces }: ContenderSetUp,
  openRebuilder: (place: Place) => Promise<Rebuilder>,
): Contender {
  const closers: (() => Promise<void>)[] = [];
  let place: Place;
  let rebuilder: Rebuilder;
  let traceIds: readonly string[];
  return {
    name,
    role,
    async open() {
      place = takePlace(services);
      closers.push(() => place.close());
      rebuilder = await openRebuilder(place);
      closers.push(() => rebuilder.close());
      ({ traceIds } = await fillTraceTables(place, traces));
    },
    // A projection that is there already would not be written again.
    prepare: () => place.empty("trace_projections"),
    async round(): Promise<Round> {
      const used = watchProcesses({ ...rebuilder.pids, ...place.pids });
      const seconds = await rebuilder.rebuild(traceIds);
      const processes = used();
      const projected = await place.count(
        `SELECT uniqExact(TraceId) FROM ${place.database}.trace_projections WHERE SpanCount = 10`,
      );
      if (projected !== traceIds.length)
        throw new Error(`${name}: ${projected} of ${traceIds.length} traces were rebuilt.`);
      return { count: traceIds.length, seconds, processes };
    },
    async close() {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}
