import { randomUUID } from "node:crypto";
import {
  type AggregateRef,
  createEventSourcingPipeline,
  createEventStream,
  type EventHandler,
  EventSourcingError,
  type EventStore,
  makeProjectionVersion,
  type ProjectionStore,
  parseTenantId,
  readProjectionVersion,
  type TenantId,
} from "@es/core";
import {
  type GenerationSet,
  type LagSource,
  type ProjectionRun,
  type RunnableGeneration,
  rebuildDirectly,
  SideBySideProjector,
  scheduleLagging,
  startGenerationReconcilers,
} from "@es/processing";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { arrivalArbitrary } from "../events/arrivalArbitrary.js";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import { eventsArbitrary } from "../events/eventArbitrary.js";
import { until } from "../queues/runRecorder.js";
import { vandalize } from "../stores/storedValues.js";

/** What the contract's handlers make of a stream. */
export interface SideBySideProjection {
  readonly generation: number;
  readonly ids: readonly string[];
}

export interface SideBySideHarness {
  readonly eventStore: EventStore<string, ContractEvent>;
  /** The store of a generation, from 1 to 3: the same one for the same number. */
  storeOf(generation: number): ProjectionStore<string, SideBySideProjection>;
  /** Brings about what the stores otherwise do in their own time, such as merges. */
  settle?(): Promise<void>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface SideBySideContract {
  /** Names the stores in the test report. */
  readonly name: string;
  setUp(): SideBySideHarness | Promise<SideBySideHarness>;
  /** Runs of each property test. @default 20 */
  readonly numRuns?: number;
}

/** Tests that generations over a family of stores are kept up beside each other and never meet. */
export function sideBySideContract(contract: SideBySideContract): void {
  describe(`generations side by side over ${contract.name}`, () => {
    let harness: SideBySideHarness;
    let tenantId: TenantId;
    let set: GenerationSet;
    beforeAll(async () => {
      harness = await contract.setUp();
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });
    beforeEach(() => {
      tenantId = parseTenantId(`tenant-${randomUUID()}`);
      set = setOf(1, { 1: "serving", 2: "building" });
    });

    const refOf = (aggregateId = "aggregate-1"): AggregateRef => ({ tenantId, aggregateId });
    const storeEvents = (...events: readonly ContractEvent[]) =>
      harness.eventStore.storeEvents(events, { tenantId });
    const serviceOf = (
      number: number,
      eventHandler: EventHandler<string, ContractEvent, SideBySideProjection> = handlerOf(number),
      projectionStore = harness.storeOf(number),
    ) =>
      createEventSourcingPipeline({ eventStore: harness.eventStore, projectionStore, eventHandler }).service;
    const runnable = (
      number: number,
      ...rest: Parameters<typeof serviceOf> extends [number, ...infer R] ? R : never
    ) => ({ number, service: serviceOf(number, ...rest) }) satisfies RunnableGeneration<ContractEvent>;
    const projector = (
      generations: readonly RunnableGeneration<ContractEvent>[] = [runnable(1), runnable(2)],
      options: Partial<ConstructorParameters<typeof SideBySideProjector<ContractEvent>>[0]> = {},
    ) =>
      new SideBySideProjector<ContractEvent>({
        eventStore: harness.eventStore,
        runnable: generations,
        generations: { current: async () => set },
        ...options,
      });
    const runOf = ({ run }: { readonly run: ProjectionRun }, ref = refOf()) =>
      run(ref, { attempt: 1, signal: new AbortController().signal });
    const stored = async (generation: number, aggregateId = "aggregate-1") => {
      const read = await harness.storeOf(generation).getProjection(aggregateId, { tenantId });
      return read.status === "found" ? read.record.projection : read.status;
    };
    const ids = (...of: readonly string[]) => of;

    it("makes every live generation of the same ids, whose events it asks for at once", async () => {
      set = setOf(2, { 1: "standby", 2: "serving", 3: "retired" });
      await storeEvents(contractEvent({ id: "a" }), contractEvent({ id: "b" }));
      // Asked for at once, they are one round trip of a store that shares round trips, and each generation has its own.
      const askedInTurn: number[] = [];
      let turn = 0;
      const counted = projector([runnable(1), runnable(2), runnable(3)], {
        eventStore: {
          getEvents: async (...call) => {
            askedInTurn.push(turn);
            const events = await harness.eventStore.getEvents(...call);
            turn++;
            return events;
          },
        },
      });
      await runOf(counted);
      await counted.drain();
      await harness.settle?.();
      expect(askedInTurn).toEqual([0, 0]);
      expect(await stored(1)).toEqual({ generation: 1, ids: ids("a", "b") });
      expect(await stored(2)).toEqual({ generation: 2, ids: ids("a", "b") });
      expect(await stored(3)).toBe("absent");
    });

    it.each([
      ["the serving one", 1],
      ["the one beside it", 2],
    ])("lets no generation see what the handler of another did to its events: %s", async (_, misbehaving) => {
      const data = { amount: 100, list: [1, { deep: "value" }] };
      await storeEvents(...["a", "b"].map((id) => contractEvent({ id, data })));
      const seen: unknown[] = [];
      const vandal: EventHandler<string, ContractEvent, SideBySideProjection> = {
        handle: (stream) => {
          vandalize(stream.events);
          return { generation: misbehaving, ids: stream.events.map(({ id }) => id) };
        },
      };
      const other = misbehaving === 1 ? 2 : 1;
      const watching: EventHandler<string, ContractEvent, SideBySideProjection> = {
        handle: (stream) => {
          seen.push(structuredClone(stream.events.map((event) => [event.id, event.data])));
          return { generation: other, ids: stream.events.map(({ id }) => id) };
        },
      };
      const both = projector([runnable(misbehaving, vandal), runnable(other, watching)]);
      // Of the misbehaving one either outcome is right: it is refused, or it only hurts itself.
      await runOf(both).catch((error: unknown) => expect(error).toMatchObject({ code: "HANDLER_FAILED" }));
      await both.drain();
      const contexts = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
      await both
        .rebuildProjection("aggregate-1", contexts)
        .catch((error: unknown) => expect(error).toMatchObject({ code: "HANDLER_FAILED" }));
      await harness.settle?.();
      expect(await stored(other)).toEqual({ generation: other, ids: ids("a", "b") });
      const untouched = [
        ["a", data],
        ["b", data],
      ];
      expect(seen.length).toBeGreaterThan(0);
      for (const events of seen) expect(events).toEqual(untouched);
      const kept = await harness.eventStore.getEvents("aggregate-1", { tenantId });
      expect(kept.map((event) => [event.id, event.data])).toEqual(untouched);
    });

    it("keeps each generation equal to the pure fold by its own handler, in any order of anything", async () => {
      const switches = fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 8 });
      await fc.assert(
        fc.asyncProperty(
          eventsArbitrary(),
          arrivalArbitrary(),
          switches,
          async (events, arrival, serving) => {
            tenantId = parseTenantId(`tenant-${randomUUID()}`);
            const beside = projector();
            for (const [i, batch] of arrival.batchesOf(events).entries()) {
              set = setOf(serving[i] ?? 1, { 1: "standby", 2: "standby", [serving[i] ?? 1]: "serving" });
              await storeEvents(...batch);
              await runOf(beside);
            }
            await beside.drain();
            if (events.length === 0) return;
            for (const generation of [1, 2]) {
              expect(await stored(generation)).toEqual(
                handlerOf(generation).handle(createEventStream("aggregate-1", events)),
              );
            }
          },
        ),
        { numRuns: contract.numRuns ?? 20 },
      );
    });

    it("lets a generation that fails fail alone, and says so", async () => {
      await storeEvents(contractEvent({ id: "a" }));
      const failures: unknown[] = [];
      const broken = projector(
        [
          runnable(1),
          runnable(
            2,
            handlerOf(2, () => fail("no model")),
          ),
        ],
        {
          onBesideError: (error, generation, ref) => {
            failures.push([(error as EventSourcingError).code, generation, ref]);
            throw new Error("a listener that throws changes nothing");
          },
        },
      );
      await runOf(broken);
      await broken.drain();
      expect(await stored(1)).toEqual({ generation: 1, ids: ids("a") });
      expect(await stored(2)).toBe("absent");
      expect(failures).toEqual([["HANDLER_FAILED", 2, refOf()]]);
    });

    it("does not wait for a generation whose store hangs, nor for more of it than it may", async () => {
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const storing: string[] = [];
      const hanging = {
        ...forwarding(harness.storeOf(2)),
        async storeProjection(
          ...[record, context]: Parameters<ProjectionStore<string, SideBySideProjection>["storeProjection"]>
        ) {
          storing.push(record.aggregateId);
          await released;
          await harness.storeOf(2).storeProjection(record, context);
        },
      };
      const beside = projector([runnable(1), runnable(2, handlerOf(2), hanging)], { maxBeside: 3 });
      const aggregates = Array.from({ length: 6 }, (_, i) => `a${i}`);
      await storeEvents(...aggregates.map((aggregateId) => contractEvent({ aggregateId })));
      for (const aggregateId of aggregates) await runOf(beside, refOf(aggregateId));
      expect(await Promise.all(aggregates.map((id) => stored(1, id)))).toEqual(
        aggregates.map(() => ({ generation: 1, ids: ids("event-1") })),
      );
      expect(await stored(2, "a0")).toBe("absent");
      release();
      await beside.drain();
      expect(storing).toEqual(["a0", "a1", "a2"]);
      expect(await stored(2, "a2")).toEqual({ generation: 2, ids: ids("event-1") });
    });

    it("makes the others although the serving one fails, whose failure is the run's", async () => {
      await storeEvents(contractEvent({ id: "a" }));
      const broken = projector([
        runnable(
          1,
          handlerOf(1, () => fail("no model")),
        ),
        runnable(2),
      ]);
      await expect(runOf(broken)).rejects.toMatchObject({ code: "HANDLER_FAILED" });
      await broken.drain();
      expect(await stored(2)).toEqual({ generation: 2, ids: ids("a") });
    });

    it("makes what it has handlers for, says what it has none for, and refuses when it has none at all", async () => {
      await storeEvents(contractEvent({ id: "a" }));
      const old = projector([runnable(1)]);
      expect(await old.unsupported()).toEqual([2]);
      await runOf(old);
      set = setOf(2, { 1: "standby", 2: "serving" });
      await storeEvents(contractEvent({ id: "b", occurredAt: TEST_EPOCH + 1n }));
      await runOf(old);
      await old.drain();
      expect(await stored(1)).toEqual({ generation: 1, ids: ids("a", "b") });
      expect(await stored(2)).toBe("absent");
      set = setOf(2, { 1: "retired", 2: "serving" });
      await expect(runOf(old)).rejects.toMatchObject({ code: "GENERATION_UNSUPPORTED" });
      expect(await old.unsupported()).toEqual([2]);
    });

    it("rebuilds and forces all live generations where a service is asked for, and waits for all", async () => {
      await storeEvents(contractEvent({ id: "a" }));
      const options = { eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } };
      const failures: number[] = [];
      let refuses = false;
      const both = projector(
        [
          runnable(1),
          runnable(
            2,
            handlerOf(2, () => refuses && fail("no model")),
          ),
        ],
        {
          onBesideError: (_, generation) => void failures.push(generation),
        },
      );
      const revisionIn = async (generation: number) => {
        const read = await harness.storeOf(generation).getProjection("aggregate-1", { tenantId });
        return read.status === "found" ? readProjectionVersion(read.record.version).revision : read.status;
      };
      expect(await both.rebuildProjection("aggregate-1", options)).toMatchObject({
        outcome: "rebuilt",
        record: { projection: { generation: 1 } },
      });
      expect([await revisionIn(1), await revisionIn(2)]).toEqual([0, 0]);
      await both.forceRebuildProjection("aggregate-1", options);
      expect([await revisionIn(1), await revisionIn(2)]).toEqual([1, 1]);
      refuses = true;
      await both.forceRebuildProjection("aggregate-1", options);
      expect([await revisionIn(1), await revisionIn(2)]).toEqual([2, 1]);
      expect(failures).toEqual([2]);
      expect(await both.rebuildProjection("unknown", options)).toEqual({ outcome: "no-events" });
    });

    it("never lets one generation hide, change or count another, whatever their versions", async () => {
      const version = (revision: number, eventCount = 1) =>
        makeProjectionVersion({ eventCount, acceptedSum: 1n, handlerVersion: 1, revision });
      const record = (generation: number, value: ReturnType<typeof version>) => ({
        aggregateId: "aggregate-1",
        version: value,
        projection: { generation, ids: [] },
        metadata: { eventCount: 1, firstEventTimestamp: null, lastEventTimestamp: null },
      });
      const records = [record(1, version(5)), record(2, version(9, 7)), record(3, version(5))];
      for (const order of [
        [0, 1, 2],
        [2, 1, 0],
        [1, 0, 2],
      ]) {
        tenantId = parseTenantId(`tenant-${randomUUID()}`);
        for (const i of order) {
          const one = records[i];
          if (one === undefined) continue;
          await harness.storeOf(one.projection.generation).storeProjection(one, { tenantId });
          await harness.settle?.();
        }
        for (const one of records) {
          const store = harness.storeOf(one.projection.generation);
          expect(await store.getProjection("aggregate-1", { tenantId })).toEqual({
            status: "found",
            record: one,
          });
          expect((await store.getProjections(["aggregate-1"], { tenantId })).get("aggregate-1")).toEqual({
            status: "found",
            record: one,
          });
        }
      }
    });

    it("builds a generation from what is stored, past aggregates its handler refuses, and goes on after a stop", async () => {
      const aggregates = Array.from({ length: 25 }, (_, i) => `a${String(i).padStart(2, "0")}`);
      await storeEvents(...aggregates.map((aggregateId) => contractEvent({ aggregateId })));
      const refused = new Set(["a03", "a11"]);
      const handler = handlerOf(2, (aggregateId) => refused.has(aggregateId) && fail("bad trace"));
      const lag = lagIn(harness, 2, tenantId);
      const failures: string[] = [];

      const stopping = new AbortController();
      let rebuilt = 0;
      const interrupted = rebuildDirectly(
        serviceOf(2, {
          ...handler,
          handle(stream) {
            if (++rebuilt === 8) stopping.abort();
            return handler.handle(stream);
          },
        }),
        {
          batchSize: 4,
          restPerWork: 0,
          signal: stopping.signal,
          onFailure: (_, ref) => void failures.push(ref.aggregateId),
        },
      );
      await scheduleLagging(lag, interrupted, { signal: stopping.signal });
      expect(rebuilt).toBe(8);

      const reconcilers = startGenerationReconcilers({
        generations: { current: async () => set },
        runnable: [2],
        intervalMs: 5,
        start(generation, role) {
          expect([generation, role]).toEqual([2, { serving: false }]);
          const done = scheduleLagging(lag, rebuildDirectly(serviceOf(2, handler), { batchSize: 4 }));
          return { stop: async () => void (await done) };
        },
      });
      const made = async () =>
        (await Promise.all(aggregates.map((id) => stored(2, id)))).filter((found) => found !== "absent");
      await until(async () => (await made()).length === 23, "23 aggregates are built");
      await reconcilers.stop();
      expect(failures).toEqual(["a03"]);
      for (const id of aggregates) expect(await stored(1, id)).toBe("absent");
      const lagging = await lag.listLagging();
      expect(lagging.items.map(({ aggregateId }) => aggregateId)).toEqual(["a03", "a11"]);
    });
  });
}

function setOf(
  serving: number,
  states: Readonly<Record<number, GenerationSet["generations"][number]["state"]>>,
): GenerationSet {
  return {
    projection: "contract",
    revision: 1,
    serving,
    previous: null,
    generations: Object.entries(states).map(([number, state]) => ({
      number: Number(number),
      state,
      since: 0n,
    })),
  };
}

function handlerOf(
  generation: number,
  before: (aggregateId: string) => unknown = () => undefined,
): EventHandler<string, ContractEvent, SideBySideProjection> {
  return {
    version: generation,
    handle(stream) {
      before(stream.aggregateId);
      return { generation, ids: stream.events.map(({ id }) => id) };
    },
  };
}

/** What lags in a generation of one tenant, by the stores alone. */
function lagIn(harness: SideBySideHarness, generation: number, tenantId: TenantId): LagSource {
  return {
    async listLagging(options) {
      const page = await harness.eventStore.listChangedAggregates({ tenantId }, { since: 0n, ...options });
      const ids = page.items.map(({ aggregateId }) => aggregateId);
      const read = await harness.storeOf(generation).getProjections(ids, { tenantId });
      return {
        items: page.items
          .filter(({ aggregateId }) => read.get(aggregateId)?.status === "absent")
          .map(({ aggregateId, eventCount, lastAcceptedAt }) => ({
            tenantId,
            aggregateId,
            storedEvents: eventCount,
            projectedEvents: 0,
            laggingSince: lastAcceptedAt,
            lagMs: 0,
          })),
        nextCursor: page.nextCursor,
      };
    },
  };
}

function forwarding<TProjection>(
  store: ProjectionStore<string, TProjection>,
): ProjectionStore<string, TProjection> {
  return {
    getProjection: (...call) => store.getProjection(...call),
    getProjections: (...call) => store.getProjections(...call),
    storeProjection: (...call) => store.storeProjection(...call),
    storeProjections: (...call) => store.storeProjections(...call),
  };
}

function fail(message: string): never {
  throw new EventSourcingError("INVALID_EVENT", message);
}
