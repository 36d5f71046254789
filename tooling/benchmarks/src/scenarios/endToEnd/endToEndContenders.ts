import type { TestEngines } from "@es/tooling-engines";
import { type Closers, contenderAtPlace } from "../../engines/contenderAtPlace.js";
import type { Place } from "../../engines/place.js";
import { migrateTraceTables } from "../../engines/traceTables.js";
import type { Contender, Role, Round } from "../../harness/comparison.js";
import { type Pids, watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import { genAiTraces } from "../../load/genAiTraces.js";
import type { HttpLoadResult, HttpLoadRun, HttpLoadTarget } from "../../load/httpLoad.js";
import { ID_PREFIX } from "../../load/patchedBody.js";
import {
  asBlocks,
  engineReceiver,
  type Receiver,
  type Requests,
  startIngestApp,
  startLiteralIngest,
} from "../ingest/ingestContenders.js";
import { drained } from "../project/drained.js";
import {
  forgetProjections,
  openQueue,
  startRebuilder,
  startWorkerApp,
} from "../project/projectContenders.js";

/** As many SDKs send them: what gathered in a while. */
const REQUESTS: Requests = { encoding: "protobuf", spansPerRequest: 100, connections: 8 };

export const OURS = "ours";
export const LITERAL = "an insert per request, a query and an insert per trace";
export const FLOOR = "floor: Native blocks, then batches without a queue";

export interface Burst {
  /** Sent as fast as they are acknowledged. */
  readonly spans: number;
}

export interface Stream {
  readonly seconds: number;
  readonly spansPerSecond: number;
}

interface Pipeline {
  readonly receiver: Receiver;
  readonly requests: Requests;
  readonly pids: Pids;
  /** Resolves when every projection of a trace holds what was acknowledged before the call. */
  current(): Promise<void>;
  /** Resolves when the sessions of those are current, too. */
  sessionsCurrent(): Promise<void>;
}

/** Opens what takes spans and what makes projections of them; `closers` are called in reverse order. */
type OpenPipeline = (place: Place, closers: Closers) => Promise<Pipeline>;

/** `apps/ingest` and `apps/worker` with their own defaults. */
const openApps: OpenPipeline = async (place, closers) => {
  const worker = await startWorkerApp(place);
  closers.push(() => worker.close());
  const receiver = await startIngestApp(place, REQUESTS);
  closers.push(() => receiver.close());
  const queue = openQueue(place, "traces");
  closers.push(() => queue.close());
  const sessionQueue = openQueue(place, "sessions");
  closers.push(() => sessionQueue.close());
  return {
    receiver,
    requests: REQUESTS,
    pids: { ...receiver.pids, worker: worker.pid },
    current: () => drained(queue),
    sessionsCurrent: () => drained(sessionQueue),
  };
};

const openLiteral: OpenPipeline = async (place, closers) => {
  await migrateTraceTables(place);
  const worker = await startRebuilder(place, "scenarios/project/literalProjector.js");
  closers.push(() => worker.close());
  const receiver = await startLiteralIngest(place, REQUESTS);
  closers.push(() => receiver.close());
  return {
    receiver,
    requests: REQUESTS,
    pids: { ...receiver.pids, ...worker.pids },
    // With nothing more to rebuild it waits for what the ingest has added.
    current: async () => void (await worker.rebuild([])),
    sessionsCurrent: () => worker.rebuildSessions(),
  };
};

const openEngines: OpenPipeline = async (place, closers) => {
  await migrateTraceTables(place);
  const worker = await startRebuilder(place, "scenarios/project/batchProjector.js");
  closers.push(() => worker.close());
  const receiver = await engineReceiver(place);
  return {
    receiver,
    requests: asBlocks(REQUESTS),
    pids: worker.pids,
    async current() {
      const result = await place.client.query({
        query: `SELECT DISTINCT TraceId FROM ${place.database}.spans`,
        format: "JSONCompactEachRow",
      });
      await worker.rebuild((await result.json<readonly [string]>()).map(([id]) => id));
    },
    sessionsCurrent: () => worker.rebuildSessions(),
  };
};

export function oursFollows(engines: TestEngines, load: Burst | Stream): Contender {
  return contender({ name: OURS, role: "ours", engines, load }, openApps);
}

export function literalFollows(engines: TestEngines, load: Burst): Contender {
  return contender({ name: LITERAL, role: "baseline", engines, load }, openLiteral);
}

export function enginesFollow(engines: TestEngines, load: Burst): Contender {
  return contender({ name: FLOOR, role: "floor", engines, load }, openEngines);
}

interface ContenderSetUp {
  readonly name: string;
  readonly role: Role;
  readonly engines: TestEngines;
  readonly load: Burst | Stream;
}

function contender({ name, role, engines, load }: ContenderSetUp, open: OpenPipeline): Contender {
  return contenderAtPlace({
    name,
    role,
    engines,
    async open(place, closers) {
      const pipeline = await open(place, closers);
      const generator = await Program.start("load/httpLoad.js");
      closers.push(() => generator.stop());
      const { target } = pipeline.receiver;
      await generator.call("aim", "seconds" in load ? withFreshness(target, place) : target);
      return { pipeline, generator };
    },
    async prepare(place) {
      await place.empty("spans");
      await forgetProjections(place);
    },
    async round(place, { pipeline, generator }): Promise<Round> {
      const { spansPerRequest, connections } = pipeline.requests;
      const run: HttpLoadRun =
        "seconds" in load
          ? { connections, seconds: load.seconds, requestsPerSecond: load.spansPerSecond / spansPerRequest }
          : { connections, seconds: BURST_SECONDS, requests: Math.ceil(load.spans / spansPerRequest) };
      const used = watchProcesses({ ...pipeline.pids, ...place.pids, load: generator.pid });
      const start = performance.now();
      const result = await generator.call<HttpLoadResult>("run", run);
      await pipeline.current();
      const seconds = (performance.now() - start) / 1_000;
      await pipeline.sessionsCurrent();
      const processes = used();
      const count = result.acknowledged * spansPerRequest;
      const projected = await place.count(
        `SELECT sum(SpanCount) FROM ${place.database}.trace_projections FINAL`,
      );
      if (projected < count) throw new Error(`${name}: projections hold ${projected} of ${count} spans.`);
      const { freshnessMs } = result;
      if (freshnessMs === undefined) return { count, seconds, processes };
      const { p50, p95, p99 } = freshnessMs;
      return { count, seconds: result.seconds, figures: { p50, p95, p99 }, processes };
    },
  });
}

/** A burst that takes longer is not waited for. */
const BURST_SECONDS = 120;

function withFreshness(target: HttpLoadTarget, { clickhouseUrl, database }: Place): HttpLoadTarget {
  const traceIds = target.bodies.map((_, index) => {
    const [first] = genAiTraces({ traces: 1, seed: index + 1, idPrefix: ID_PREFIX });
    return first?.traceId ?? "";
  });
  return { ...target, freshness: { clickhouseUrl, database, traceIds } };
}
