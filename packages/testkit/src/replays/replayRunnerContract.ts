import { randomUUID } from "node:crypto";
import {
  type AggregateRef,
  type AggregateSource,
  createEventSourcingPipeline,
  type EventHandler,
  EventSourcingError,
  type EventStore,
  type ProjectionRecord,
  type ProjectionStore,
  parseTenantId,
  readProjectionVersion,
  type TenantId,
} from "@es/core";
import {
  type Leases,
  type Replay,
  type ReplayRequest,
  type ReplayRunner,
  type ReplayRunnerOptions,
  type ReplayState,
  type ReplayStore,
  Replays,
  replayPace,
  replayState,
  startReplayRunner,
} from "@es/processing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import type { ContractProjection } from "../services/eventSourcingServiceContract.js";

export interface ReplayRunnerHarness {
  readonly eventStore: EventStore<string, ContractEvent>;
  readonly projectionStore: ProjectionStore<string, ContractProjection>;
  readonly source: AggregateSource;
  readonly replayStore: ReplayStore;
  readonly leases: Leases;
  /** Puts an event of the aggregate into the engine, past the store, that the store cannot decode. */
  plantUndecodable?(ref: AggregateRef): Promise<void>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface ReplayRunnerContract {
  /** Names the stores in the test report. */
  readonly name: string;
  setUp(): ReplayRunnerHarness | Promise<ReplayRunnerHarness>;
}

type RunnerOptions = Partial<ReplayRunnerOptions<string, ContractEvent, ContractProjection>>;

const waiting = { timeout: 60_000, interval: 5 };
const AGGREGATES = 35;
/** Enough that a replay at some tens per second is not done before it is told to stop. */
const MANY = 400;

/** Tests what replays promise over a set of stores. Call it at the top of a test file. */
export function replayRunnerContract(contract: ReplayRunnerContract): void {
  describe(`Replays over ${contract.name}`, () => {
    let harness: ReplayRunnerHarness;
    let replays: Replays;
    let tenantId: TenantId;
    /** Aggregates rebuilt by runners, in order, failed ones included. */
    let rebuilt: string[];
    const runners: ReplayRunner[] = [];

    beforeAll(async () => {
      harness = await contract.setUp();
      replays = new Replays(harness.replayStore);
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });
    beforeEach(() => {
      tenantId = parseTenantId(`tenant-${randomUUID()}`);
      rebuilt = [];
    });
    afterEach(async () => {
      await Promise.all(runners.splice(0).map((runner) => runner.stop()));
    });

    const pipeline = (eventHandler: EventHandler<string, ContractEvent, ContractProjection> = handler) =>
      createEventSourcingPipeline({
        eventStore: harness.eventStore,
        projectionStore: harness.projectionStore,
        eventHandler,
      }).service;

    function startRunner(options: RunnerOptions = {}): ReplayRunner {
      const { service = pipeline(), ...others } = options;
      const recorded: RunnerOptions["service"] = {
        rebuildProjection(aggregateId, contexts) {
          rebuilt.push(aggregateId);
          return service.rebuildProjection(aggregateId, contexts);
        },
        forceRebuildProjection(aggregateId, contexts) {
          rebuilt.push(aggregateId);
          return service.forceRebuildProjection(aggregateId, contexts);
        },
      };
      const runner = startReplayRunner({
        store: harness.replayStore,
        source: harness.source,
        leases: harness.leases,
        intervalMs: 20,
        pageSize: 10,
        concurrency: 4,
        retryDelayMs: 1,
        service: recorded,
        ...others,
      });
      runners.push(runner);
      return runner;
    }

    const idOf = (place: number) => `aggregate-${String(place).padStart(3, "0")}`;

    async function storeAggregates(count = AGGREGATES, tenant = tenantId): Promise<void> {
      const events = Array.from({ length: count }, (_, place) =>
        contractEvent({ aggregateId: idOf(place), acceptedAt: TEST_EPOCH + BigInt(place) }),
      );
      await harness.eventStore.storeEvents(events, { tenantId: tenant });
    }

    async function stored(tenant = tenantId, count = AGGREGATES) {
      const ids = Array.from({ length: count }, (_, place) => idOf(place));
      const reads = await harness.projectionStore.getProjections(ids, { tenantId: tenant });
      return ids.map((id): ProjectionRecord<string, ContractProjection> | null => {
        const read = reads.get(id);
        return read?.status === "found" ? read.record : null;
      });
    }

    const start = (request: ReplayRequest = {}) =>
      replays.start({ ratePerSecond: null, ...request, selection: { tenantId, ...request.selection } });

    async function reach(id: string, condition: (replay: Replay) => boolean): Promise<Replay> {
      let replay: Replay | null = null;
      await vi.waitFor(async () => {
        replay = await replays.get(id);
        expect(replay !== null && condition(replay), JSON.stringify(replay, bigintText)).toBe(true);
      }, waiting);
      return replay as unknown as Replay;
    }
    const reachState = (id: string, state: ReplayState) =>
      reach(id, (replay) => replayState(replay) === state);

    it("ends in what live processing makes, for every tenant", async () => {
      const second = parseTenantId(`${tenantId}-2`);
      await storeAggregates();
      await storeAggregates(5, second);
      const live = pipeline();
      const expected = [];
      for (const [tenant, count] of [
        [tenantId, AGGREGATES],
        [second, 5],
      ] as const) {
        // The same events of a tenant whose projections are made live.
        const context = { tenantId: parseTenantId(`${tenant}-live`) };
        await storeAggregates(count, context.tenantId);
        for (let place = 0; place < count; place++) {
          const result = await live.rebuildProjection(idOf(place), {
            eventStoreContext: context,
            projectionStoreContext: context,
          });
          expected.push(result.outcome === "rebuilt" ? result.record : null);
        }
      }
      startRunner();
      const { definition } = await replays.start({ ratePerSecond: null });
      const { progress } = await reachState(definition.id, "done");
      expect([...(await stored()), ...(await stored(second, 5))]).toEqual(expected);
      expect(progress?.total).toBeGreaterThanOrEqual(AGGREGATES + 5);
      expect(progress).toMatchObject({ rebuilt: progress?.total, empty: 0, failed: 0, failures: [] });
    });

    it("rebuilds what is selected, and nothing else", async () => {
      await storeAggregates();
      startRunner();
      const { definition } = await start({
        selection: {
          aggregateIds: [idOf(3), idOf(4), idOf(20), "unknown"],
          acceptedFrom: TEST_EPOCH + 4n,
          acceptedTo: TEST_EPOCH + 21n,
        },
      });
      const { progress } = await reachState(definition.id, "done");
      expect(progress).toMatchObject({ total: 2, rebuilt: 2, failed: 0 });
      const found = (await stored()).flatMap((record) => (record === null ? [] : [record.aggregateId]));
      expect(found).toEqual([idOf(4), idOf(20)]);
    });

    it("goes on where it was when another takes over", async () => {
      await storeAggregates();
      const first = startRunner();
      // So slow that it is not done before it was seen to have begun.
      const { definition } = await start({ ratePerSecond: 10 });
      await reach(definition.id, ({ progress }) => (progress?.rebuilt ?? 0) >= 10);
      await first.stop();
      const left = await replays.get(definition.id);
      expect(left && replayState(left)).toBe("running");
      const done = left?.progress?.rebuilt ?? 0;
      expect(done).toBeLessThan(AGGREGATES);

      rebuilt = [];
      startRunner();
      const { progress } = await reachState(definition.id, "done");
      expect(progress).toMatchObject({ rebuilt: AGGREGATES, total: AGGREGATES, failed: 0 });
      expect([...rebuilt].sort()).toEqual(
        Array.from({ length: AGGREGATES - done }, (_, i) => idOf(done + i)),
      );
      expect((await stored()).filter((record) => record === null)).toEqual([]);
    });

    it("is worked on by one of several runners", async () => {
      await storeAggregates();
      const started: string[] = [];
      for (let i = 0; i < 3; i++) startRunner({ onStarted: (replay) => started.push(replay.definition.id) });
      const { definition } = await start({ ratePerSecond: 200 });
      await reachState(definition.id, "done");
      expect(started.filter((id) => id === definition.id)).toHaveLength(1);
      expect(rebuilt).toHaveLength(AGGREGATES);
    });

    it("pauses, resumes at another rate, and is cancelled for good", async () => {
      await storeAggregates(MANY);
      const ended: (string | undefined)[] = [];
      startRunner({ onEnded: (replay) => ended.push(replayState(replay)) });
      const { definition } = await start({ ratePerSecond: 50 });
      const { id } = definition;
      await reach(id, ({ progress }) => (progress?.rebuilt ?? 0) > 0);
      expect((await replays.pause(id))?.control).toMatchObject({ desired: "paused", ratePerSecond: 50 });
      await vi.waitFor(() => expect(ended).toEqual(["paused"]), waiting);
      const paused = await reachState(id, "paused");
      const before = rebuilt.length;
      expect(paused.progress?.rebuilt).toBe(before);
      expect(before).toBeLessThan(MANY);
      expect(replayPace(paused).remainingMs).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(rebuilt).toHaveLength(before);

      await replays.resume(id, { ratePerSecond: 40 });
      const running = await reach(id, ({ progress }) => (progress?.rebuilt ?? 0) > before);
      expect(running.control.ratePerSecond).toBe(40);
      await replays.cancel(id);
      await vi.waitFor(() => expect(ended).toEqual(["paused", "cancelled"]), waiting);
      await reachState(id, "cancelled");
      expect(rebuilt.length).toBeLessThan(MANY);
      await expect(replays.resume(id)).rejects.toMatchObject({ code: "REPLAY_ENDED" });
      expect(await replays.cancel(id)).not.toBeNull();
      expect(await replays.pause("unknown")).toBeNull();
    });

    it("goes no faster than its rate", async () => {
      await storeAggregates();
      startRunner();
      const begun = performance.now();
      const { definition } = await start({ ratePerSecond: 100 });
      const done = await reachState(definition.id, "done");
      // A tenth of a second's worth may go at once.
      expect(performance.now() - begun).toBeGreaterThanOrEqual(((AGGREGATES - 10) / 100) * 1_000 - 10);
      const { processed, perSecond } = replayPace(done);
      expect(processed).toBe(AGGREGATES);
      expect(perSecond).toBeLessThanOrEqual((AGGREGATES / (AGGREGATES - 10)) * 110);
    });

    it("goes on past bad aggregates, counts all and keeps the first hundred", async () => {
      await storeAggregates(260);
      const bad = (place: number) => place % 2 === 1;
      const failing: typeof handler = {
        handle(stream) {
          if (bad(Number(stream.aggregateId.slice(-3)))) throw new Error(`cannot fold ${stream.aggregateId}`);
          return handler.handle(stream);
        },
      };
      startRunner({ service: pipeline(failing), pageSize: 50 });
      const { definition } = await start();
      const { progress } = await reachState(definition.id, "done");
      expect(progress).toMatchObject({ total: 260, rebuilt: 130, failed: 130 });
      expect(progress?.failures).toHaveLength(100);
      for (const failure of progress?.failures ?? []) {
        expect(failure).toMatchObject({ tenantId, errorClass: "poison", code: "HANDLER_FAILED" });
        expect(failure.reason).toContain(`cannot fold ${failure.aggregateId}`);
      }
      const found = await stored(tenantId, 260);
      expect(found.map((record) => record === null)).toEqual(found.map((_, place) => bad(place)));
    });

    it("goes on past what cannot be decoded", async () => {
      if (harness.plantUndecodable === undefined) return;
      await storeAggregates();
      await harness.plantUndecodable({ tenantId, aggregateId: idOf(7) });
      startRunner();
      const { definition } = await start();
      const { progress } = await reachState(definition.id, "done");
      expect(progress).toMatchObject({ rebuilt: AGGREGATES - 1, failed: 1 });
      expect(progress?.failures).toMatchObject([{ aggregateId: idOf(7), code: "EVENT_UNDECODABLE" }]);
    });

    it("waits while the store is away, and blames no aggregate for it", async () => {
      await storeAggregates();
      let away = true;
      let waits = 0;
      const service = pipeline();
      const unavailable = () => {
        if (away) throw new EventSourcingError("STORE_UNAVAILABLE", "The store is away.");
      };
      startRunner({
        service: {
          async rebuildProjection(aggregateId, contexts) {
            if (aggregateId >= idOf(12)) unavailable();
            return service.rebuildProjection(aggregateId, contexts);
          },
          forceRebuildProjection: service.forceRebuildProjection.bind(service),
        },
        source: {
          async listAggregates(selection, options) {
            if (rebuilt.length > 12) unavailable();
            return harness.source.listAggregates(selection, options);
          },
          countAggregates: (selection) => harness.source.countAggregates(selection),
        },
        // Longer than any aggregate of a store that answers is tried.
        onWaiting: () => {
          if (++waits === 12) away = false;
        },
      });
      const { definition } = await start();
      const { progress } = await reachState(definition.id, "done");
      expect(progress).toMatchObject({ rebuilt: AGGREGATES, failed: 0, failures: [] });
      expect(waits).toBeGreaterThanOrEqual(12);
      expect((await stored()).filter((record) => record === null)).toEqual([]);
    });

    it("gives up on an aggregate that fails again and again while the store answers", async () => {
      await storeAggregates();
      const service = pipeline();
      startRunner({
        service: {
          async rebuildProjection(aggregateId, contexts) {
            if (aggregateId === idOf(5)) throw new EventSourcingError("STORE_OVERLOADED", "Out of memory.");
            return service.rebuildProjection(aggregateId, contexts);
          },
          forceRebuildProjection: service.forceRebuildProjection.bind(service),
        },
      });
      const { definition } = await start();
      const { progress } = await reachState(definition.id, "done");
      expect(progress).toMatchObject({ rebuilt: AGGREGATES - 1, failed: 1 });
      expect(progress?.failures).toMatchObject([{ aggregateId: idOf(5), code: "STORE_OVERLOADED" }]);
      expect(rebuilt.filter((id) => id === idOf(5)).length).toBeGreaterThan(1);
    });

    it("says why it cannot go on, and does once it is resumed", async () => {
      await storeAggregates();
      let refused = true;
      const ended: ReplayState[] = [];
      startRunner({
        source: {
          async listAggregates(selection, options) {
            if (refused && options?.cursor !== undefined) {
              throw new EventSourcingError("STORE_REJECTED", "Not enough privileges.");
            }
            return harness.source.listAggregates(selection, options);
          },
          countAggregates: (selection) => harness.source.countAggregates(selection),
        },
        onEnded: (replay) => ended.push(replayState(replay)),
      });
      const { definition } = await start();
      const failed = await reachState(definition.id, "failed");
      expect(failed.progress).toMatchObject({
        rebuilt: 10,
        stop: { code: "STORE_REJECTED", reason: "Not enough privileges." },
      });
      refused = false;
      await replays.resume(definition.id);
      const done = await reachState(definition.id, "done");
      expect(done.progress).toMatchObject({ rebuilt: AGGREGATES, failed: 0, stop: null });
      await vi.waitFor(() => expect(ended).toEqual(["failed", "done"]), waiting);
    });

    it("replaces projections although nothing changed when it is forced, and only then", async () => {
      await storeAggregates();
      const old = pipeline({ handle: (stream) => ({ ...handler.handle(stream), handler: 0 }) });
      const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
      for (let place = 0; place < AGGREGATES; place++) {
        await old.forceRebuildProjection(idOf(place), contexts);
      }
      startRunner();
      const revisions = async () =>
        new Set((await stored()).map((record) => record && readProjectionVersion(record.version).revision));
      const handlers = async () => new Set((await stored()).map((record) => record?.projection.handler));
      await reachState((await start()).definition.id, "done");
      expect([await handlers(), await revisions()]).toEqual([new Set([0]), new Set([1])]);
      await reachState((await start({ force: true })).definition.id, "done");
      expect([await handlers(), await revisions()]).toEqual([new Set([1]), new Set([2])]);
    });

    it("is safe beside live ingest: every projection ends as the fold of all events", async () => {
      await storeAggregates();
      const live = pipeline();
      const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
      startRunner();
      let { definition } = await start();
      let rounds = 0;
      let done = 0;
      // Several replays, one after the other, under a stream of events to the very aggregates they rebuild.
      while (done < 3 || rounds < 20) {
        const place = (rounds * 13) % AGGREGATES;
        await harness.eventStore.storeEvents(
          [
            contractEvent({
              id: `late-${rounds}`,
              aggregateId: idOf(place),
              acceptedAt: TEST_EPOCH + 1_000n + BigInt(rounds),
            }),
          ],
          { tenantId },
        );
        await live.rebuildProjection(idOf(place), contexts);
        rounds++;
        // A store in memory answers within the turn; the runner's timers need one of their own.
        await new Promise((resolve) => setTimeout(resolve, 1));
        const replay = await replays.get(definition.id);
        if (replay !== null && replayState(replay) === "done") {
          done++;
          ({ definition } = await start());
        }
      }
      await reachState(definition.id, "done");
      for (const record of await stored()) {
        const events = await harness.eventStore.getEvents(record?.aggregateId ?? "", { tenantId });
        expect(record?.projection.ids).toEqual(events.map(({ id }) => id));
      }
    });

    it("refuses what cannot be replayed", async () => {
      const invalid: readonly [ReplayRequest, string][] = [
        [{ ratePerSecond: 0 }, "INVALID_OPTIONS"],
        [{ ratePerSecond: Number.NaN }, "INVALID_OPTIONS"],
        [{ selection: { aggregateIds: [] } }, "INVALID_OPTIONS"],
        [{ selection: { aggregateIds: Array.from({ length: 1_001 }, String) } }, "INVALID_OPTIONS"],
        [{ selection: { aggregateIds: [""] } }, "INVALID_AGGREGATE_ID"],
        [{ selection: { acceptedFrom: 2n, acceptedTo: 2n } }, "INVALID_OPTIONS"],
      ];
      for (const [request, code] of invalid)
        await expect(replays.start(request), JSON.stringify(request, bigintText)).rejects.toMatchObject({
          code,
        });
    });
  });
}

const handler: EventHandler<string, ContractEvent, ContractProjection> = {
  handle: ({ events }) => ({
    ids: events.map(({ id }) => id),
    data: events.map(({ data }) => data),
    handler: 1,
  }),
};

const bigintText = (_: string, value: unknown) => (typeof value === "bigint" ? String(value) : value);
