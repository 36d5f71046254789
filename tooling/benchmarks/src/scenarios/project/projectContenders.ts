import { ProjectionQueueBullMQ } from "@es/queue-bullmq";
import type { ServerProcess, TestEngines } from "@es/tooling-engines";
import { startApp } from "../../engines/app.js";
import { contenderAtPlace } from "../../engines/contenderAtPlace.js";
import { BENCH_TENANT, type Place } from "../../engines/place.js";
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

/** How the apps name them when nobody does. */
const QUEUE_NAMES = { traces: "trace-projections", sessions: "session-projections" } as const;
/** Traces that a request of a thousand spans touches. */
const SCHEDULED_AT_ONCE = 100;

export interface RebuildLoad {
  readonly engines: TestEngines;
  readonly traces: number;
  /** Whether each trace names a session, which is rebuilt too. */
  readonly sessions: boolean;
}

/** What rebuilds traces. */
export interface Rebuilder {
  readonly pids: Pids;
  /** Resolves with the seconds it took. */
  rebuild(traceIds: readonly string[]): Promise<number>;
  /** Resolves when the sessions of what was rebuilt are current, too. */
  rebuildSessions(): Promise<void>;
  close(): Promise<void>;
}

/** `apps/worker`, with the calls that ingest makes beside it. */
export function bullMqProjects(load: RebuildLoad): Contender {
  return contender({ name: OURS_BULLMQ, role: "ours", load }, async (place) => {
    const worker = await startWorkerApp(place);
    const queue = openQueue(place, "traces");
    const sessionQueue = openQueue(place, "sessions");
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
      rebuildSessions: () => drained(sessionQueue),
      async close() {
        await queue.close();
        await sessionQueue.close();
        await worker.close();
      },
    };
  });
}

/** `apps/worker`, which makes the tables. It looks at what lags once, at the start, when there is nothing yet. */
export function startWorkerApp(place: Place): Promise<ServerProcess> {
  return startApp("worker", { ...place.environment, RECONCILE_INTERVAL_MS: "0" });
}

/** A queue of the apps, from this process. */
export function openQueue(
  { redisUrl: connection, prefix }: Place,
  of: keyof typeof QUEUE_NAMES,
): ProjectionQueueBullMQ {
  return new ProjectionQueueBullMQ({ connection, prefix, queueName: QUEUE_NAMES[of], delayMs: 0 });
}

export function memoryProjects(load: RebuildLoad): Contender {
  return contender({ name: OURS_MEMORY, role: "ours", load }, (place) =>
    startRebuilder(place, "scenarios/project/memoryProjector.js"),
  );
}

export function batchProjects(load: RebuildLoad): Contender {
  return contender({ name: FLOOR, role: "floor", load }, async (place) => {
    await migrateTraceTables(place);
    return startRebuilder(place, "scenarios/project/batchProjector.js");
  });
}

export function literalProjects(load: RebuildLoad): Contender {
  return contender({ name: LITERAL, role: "baseline", load }, async (place) => {
    await migrateTraceTables(place);
    return startRebuilder(place, "scenarios/project/literalProjector.js");
  });
}

export type RebuildProgram = `scenarios/project/${"memory" | "batch" | "literal"}Projector.js`;

export async function startRebuilder(place: Place, path: RebuildProgram): Promise<Rebuilder> {
  const program = await Program.start(path);
  const { clickhouseUrl, database, redisUrl, prefix } = place;
  await program.call("open", { clickhouseUrl, database, redisUrl, prefix } satisfies RebuildPlace);
  return {
    pids: { worker: program.pid },
    rebuild: (traceIds) => program.call<number>("rebuild", traceIds),
    rebuildSessions: () => program.call("rebuildSessions"),
    close: () => program.stop(),
  };
}

interface ContenderSetUp {
  readonly name: string;
  readonly role: Role;
  readonly load: RebuildLoad;
}

function contender(
  { name, role, load: { engines, traces, sessions } }: ContenderSetUp,
  openRebuilder: (place: Place) => Promise<Rebuilder>,
): Contender {
  return contenderAtPlace({
    name,
    role,
    engines,
    async open(place, closers) {
      const rebuilder = await openRebuilder(place);
      closers.push(() => rebuilder.close());
      const { traceIds } = await fillTraceTables(place, traces, { sessions });
      return { rebuilder, traceIds };
    },
    prepare: forgetProjections,
    async round(place, { rebuilder, traceIds }): Promise<Round> {
      const used = watchProcesses({ ...rebuilder.pids, ...place.pids });
      const seconds = await rebuilder.rebuild(traceIds);
      await rebuilder.rebuildSessions();
      const processes = used();
      const expectTraces = (what: string, counted: number) => {
        if (counted !== traceIds.length)
          throw new Error(`${name}: ${counted} of ${traceIds.length} traces are in ${what}.`);
      };
      expectTraces(
        "projections",
        await place.count(
          `SELECT uniqExact(TraceId) FROM ${place.database}.trace_projections WHERE SpanCount = 10`,
        ),
      );
      if (sessions) {
        expectTraces(
          "sessions",
          await place.count(`SELECT sum(TraceCount) FROM ${place.database}.session_projections FINAL`),
        );
      }
      return { count: traceIds.length, seconds, processes };
    },
  });
}

/** A projection that is there already would not be written again. */
export async function forgetProjections(place: Place): Promise<void> {
  for (const table of ["trace_projections", "session_events", "session_projections"])
    await place.empty(table);
}
