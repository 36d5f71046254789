import { EventSourcingError, parseTenantId } from "@es/core";
import { createLogger } from "@es/host";
import type { GenerationSet, LaggingAggregate, LagSource } from "@es/processing";
import { expect, it, vi } from "vitest";
import { readWorkerAppConfig } from "./config.js";
import { startWorker, type WorkerDependencies } from "./worker.js";

const tenantId = parseTenantId("acme");
const set: GenerationSet = {
  projection: "trace",
  revision: 1,
  serving: 1,
  previous: null,
  generations: [
    { number: 1, state: "serving", since: 0n },
    { number: 2, state: "building", since: 0n },
  ],
};
const lagging: readonly LaggingAggregate[] = Array.from({ length: 300 }, (_, i) => ({
  tenantId,
  aggregateId: `trace-${i}`,
  storedEvents: 1,
  projectedEvents: 0,
  laggingSince: 0n,
  lagMs: 60_000,
}));
const lagOf = (items: readonly LaggingAggregate[]): LagSource => ({
  listLagging: async () => ({ items, nextCursor: null }),
});

it("does not fill the log when a new generation refuses every trace", async () => {
  const logger = createLogger({ name: "worker-test", defaultLevel: "fatal" });
  const warn = vi.spyOn(logger, "warn").mockImplementation(() => undefined);
  const refused: string[] = [];
  const unused = async () => {
    throw new Error("nothing of the serving generation lags");
  };
  const idle = {
    queue: { schedule: unused, deadLetters: {} as WorkerDependencies["queue"]["deadLetters"] },
    work: () => ({ close: async () => undefined }),
  };
  const generations: Partial<WorkerDependencies["store"]["generations"]> = {
    view: { current: async () => set },
    runnable: [1, 2],
    lagOf: (generation) => lagOf(generation === 2 ? lagging : []),
    serviceOf: () =>
      ({
        rebuildProjection: async () => {
          throw new EventSourcingError("HANDLER_FAILED", "The event handler threw.");
        },
      }) as unknown as ReturnType<WorkerDependencies["store"]["generations"]["serviceOf"]>,
    sessions: {
      view: { current: async () => set },
      runnable: [1],
      lagOf: () => lagOf([]),
      projector: { run: unused, drain: async () => undefined },
    } as unknown as WorkerDependencies["store"]["generations"]["sessions"],
    reportFailure: (_, generation, { aggregateId }) => void refused.push(`${generation} ${aggregateId}`),
    projector: { run: unused, drain: async () => undefined } as unknown as NonNullable<
      WorkerDependencies["store"]["generations"]["projector"]
    >,
  };
  const worker = startWorker(readWorkerAppConfig({ RECONCILE_INTERVAL_MS: "0" }), {
    store: {
      generations: generations as WorkerDependencies["store"]["generations"],
      traces: { listAggregates: unused, countAggregates: unused },
      replays: {
        listOpenReplayIds: async () => [],
      } as unknown as WorkerDependencies["store"]["replays"],
      opened: Promise.resolve(),
      isReady: async () => undefined,
    },
    ...idle,
    sessions: idle,
    leases: { acquire: unused },
    logger,
  });
  await vi.waitFor(() => expect(refused).toHaveLength(300), { timeout: 20_000 });
  await worker.stop();
  expect(new Set(refused)).toEqual(new Set(lagging.map(({ aggregateId }) => `2 ${aggregateId}`)));
  expect(warn).not.toHaveBeenCalled();
});
