import { randomUUID } from "node:crypto";
import {
  createEventSourcingPipeline,
  createEventStream,
  type EventFold,
  type EventHandler,
  type EventSourcingOptions,
  type EventStore,
  type ProjectionStore,
  parseTenantId,
  type TenantId,
} from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { arrivalArbitrary } from "../events/arrivalArbitrary.js";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import { eventsArbitrary } from "../events/eventArbitrary.js";

/** What the contract's handler makes of a stream: everything, in order. */
export interface KeptFoldsProjection {
  readonly ids: readonly string[];
  readonly data: readonly unknown[];
}

export interface KeptFoldsHarness {
  /** One that can tell what changed. */
  readonly eventStore: EventStore<string, ContractEvent>;
  readonly projectionStore: ProjectionStore<string, KeptFoldsProjection>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface KeptFoldsContract {
  /** Names the pair of stores in the test report. */
  readonly name: string;
  setUp(): KeptFoldsHarness | Promise<KeptFoldsHarness>;
  /** Runs of each property test. @default 20 */
  readonly numRuns?: number;
}

type Options = EventSourcingOptions<string, ContractEvent, KeptFoldsProjection>;

/** Tests that a service which folds from what changed ends in the rows of one that reads everything. */
export function keptFoldsContract(contract: KeptFoldsContract): void {
  describe(`folds kept over ${contract.name}`, () => {
    let harness: KeptFoldsHarness;
    let tenantId: TenantId;
    /** What the service read, by the name of the store's call. */
    let reads: string[];
    beforeAll(async () => {
      harness = await contract.setUp();
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });
    beforeEach(() => {
      tenantId = parseTenantId(`tenant-${randomUUID()}`);
      reads = [];
    });

    const contexts = (tenant = tenantId) => ({
      eventStoreContext: { tenantId: tenant },
      projectionStoreContext: { tenantId: tenant },
    });
    const service = (
      serviceOptions: Options = { keptFolds: { minEvents: 1 } },
      eventHandler = foldingHandler,
      changed: Partial<EventStore<string, ContractEvent>> = {},
    ) =>
      createEventSourcingPipeline({
        eventStore: recordingReads(harness.eventStore, reads, changed),
        projectionStore: harness.projectionStore,
        eventHandler,
        serviceOptions,
      }).service;
    const everything = () => service({ keptFolds: false });
    const store = (...events: readonly ContractEvent[]) =>
      harness.eventStore.storeEvents(events, { tenantId });
    const stored = async (tenant = tenantId) => {
      const read = await harness.projectionStore.getProjection("aggregate-1", { tenantId: tenant });
      return read.status === "found" ? read.record : undefined;
    };
    const event = (id: string, fields: Partial<ContractEvent> = {}) => contractEvent({ id, ...fields });
    const ids = async () => (await stored())?.projection.ids;

    it("reads everything once, and then what changed", async () => {
      const growing = service();
      await store(event("b"), event("a"));
      await growing.rebuildProjection("aggregate-1", contexts());
      expect(await ids()).toEqual(["a", "b"]);
      expect(reads).toEqual(["getEvents"]);
      await store(event("0"), event("c"));
      await growing.rebuildProjection("aggregate-1", contexts());
      expect(await ids()).toEqual(["0", "a", "b", "c"]);
      // The contract's fold lets go of all data, and asks for it again.
      expect(reads).toEqual(["getEvents", "getChangedEvents", "getEventsById"]);
    });

    it("ends in the record of a service that reads everything, in any order of anything", async () => {
      await fc.assert(
        fc.asyncProperty(
          eventsArbitrary(),
          arrivalArbitrary(),
          fc.array(fc.constantFrom("none", "kept", "two at once", "another process"), { maxLength: 20 }),
          fc.constantFrom(1, 3),
          async (events, arrival, rebuilds, minEvents) => {
            const tenant = parseTenantId(`tenant-${randomUUID()}`);
            const kept = service({ keptFolds: { minEvents } });
            const other = service({ keptFolds: { minEvents } });
            const rebuild = (by = kept) => by.rebuildProjection("aggregate-1", contexts(tenant));
            for (const [i, batch] of arrival.batchesOf(events).entries()) {
              await harness.eventStore.storeEvents(batch, { tenantId: tenant });
              if (rebuilds[i] === "kept") await rebuild();
              if (rebuilds[i] === "another process") await rebuild(other);
              if (rebuilds[i] === "two at once") await Promise.all([rebuild(), rebuild()]);
            }
            const result = await rebuild();
            if (events.length === 0) return;
            const record = await stored(tenant);
            expect(result).toEqual({ outcome: "rebuilt", record });
            const inOneGo = parseTenantId(`tenant-${randomUUID()}`);
            await harness.eventStore.storeEvents(events, { tenantId: inOneGo });
            await everything().rebuildProjection("aggregate-1", contexts(inOneGo));
            expect(record).toEqual(await stored(inOneGo));
          },
        ),
        { numRuns: contract.numRuns ?? 20 },
      );
    });

    it("takes the later of an event that was stored again, with its times", async () => {
      const growing = service();
      await store(event("a", { occurredAt: TEST_EPOCH + 9n, data: 1 }), event("b", { data: 2 }));
      await growing.rebuildProjection("aggregate-1", contexts());
      await store(event("a", { occurredAt: TEST_EPOCH - 9n, acceptedAt: TEST_EPOCH + 1n, data: 3 }));
      await growing.rebuildProjection("aggregate-1", contexts());
      const record = await stored();
      expect(record?.projection).toEqual({ ids: ["a", "b"], data: [3, 2] });
      expect(record?.metadata).toEqual({
        eventCount: 2,
        firstEventTimestamp: String(TEST_EPOCH - 9n),
        lastEventTimestamp: String(TEST_EPOCH),
      });
      expect(reads.filter((read) => read === "getEvents")).toHaveLength(1);
    });

    it("reads everything of small aggregates, of those that do not fit, and of those used least recently", async () => {
      const small = service({ keptFolds: { minEvents: 2 } });
      const none = service({ keptFolds: { minEvents: 1, maxBytes: 0 } });
      await store(event("a"));
      for (const of of [small, small, none, none]) await of.rebuildProjection("aggregate-1", contexts());
      expect(reads).toEqual(["getEvents", "getEvents", "getEvents", "getEvents"]);

      reads.length = 0;
      await store(event("a", { aggregateId: "aggregate-2" }));
      const one = service({ keptFolds: { minEvents: 1, maxBytes: 3 * FOLD_BYTES } });
      for (const id of ["1", "1", "2", "2", "1"]) await one.rebuildProjection(`aggregate-${id}`, contexts());
      expect(reads.filter((read) => read !== "getEventsById")).toEqual([
        "getEvents",
        "getChangedEvents",
        "getEvents",
        "getChangedEvents",
        "getEvents",
      ]);
    });

    it("reads everything when the store cannot tell, and when a hook asks for the stream", async () => {
      await store(event("a"));
      const expired = service({ keptFolds: { minEvents: 1 } }, foldingHandler, {
        getChangedEvents: async () => null,
      });
      const hooked = service({ keptFolds: { minEvents: 1 }, hooks: { beforeHandle: () => {} } });
      for (const of of [expired, hooked]) {
        await of.rebuildProjection("aggregate-1", contexts());
        await of.rebuildProjection("aggregate-1", contexts());
        expect(await ids()).toEqual(["a"]);
      }
      expect(reads.filter((read) => read === "getEvents")).toHaveLength(4);
    });

    it("keeps a fold through an outage of the store, and starts anew after a failure of its own", async () => {
      let away = false;
      let broken = false;
      const growing = service(
        { keptFolds: { minEvents: 1 } },
        {
          ...foldingHandler,
          startFold: () => {
            const fold = new ForgetfulFold();
            return Object.assign(fold, {
              project: () => {
                if (broken) throw new Error("no model");
                return ForgetfulFold.prototype.project.call(fold);
              },
            });
          },
        },
        {
          getChangedEvents: async (...call) => {
            if (away) throw new Error("away");
            return (await harness.eventStore.getChangedEvents?.(...call)) ?? null;
          },
        },
      );
      const rebuild = () => growing.rebuildProjection("aggregate-1", contexts());
      await store(event("a"));
      await rebuild();
      await store(event("b"));
      away = true;
      await expect(rebuild()).rejects.toThrow("away");
      away = false;
      await rebuild();
      expect(await ids()).toEqual(["a", "b"]);
      expect(reads.filter((read) => read === "getEvents")).toHaveLength(1);
      await store(event("c"));
      broken = true;
      await expect(rebuild()).rejects.toMatchObject({ code: "HANDLER_FAILED", fields: { eventCount: 3 } });
      broken = false;
      await rebuild();
      expect(await ids()).toEqual(["a", "b", "c"]);
      expect(reads.filter((read) => read === "getEvents")).toHaveLength(2);
    });

    it("folds in steps what it folds at once, also where it is forced or given the events", async () => {
      let steps = 0;
      const inSteps = service(
        { keptFolds: { minEvents: 1 } },
        foldingInSteps(() => steps++),
      );
      await store(event("b"), event("a"));
      await inSteps.rebuildProjection("aggregate-1", contexts());
      const first = await stored();
      await store(event("c"));
      await inSteps.rebuildProjection("aggregate-1", contexts());
      expect(await ids()).toEqual(["a", "b", "c"]);
      expect(steps).toBeGreaterThan(5);
      const grown = await stored();
      steps = 0;
      const events = await harness.eventStore.getEvents("aggregate-1", { tenantId });
      const given = await inSteps.rebuildProjectionFrom("aggregate-1", events, contexts());
      expect(given).toEqual({ outcome: "rebuilt", record: grown });
      const forced = await inSteps.forceRebuildProjection("aggregate-1", contexts());
      const atOnce = await everything().forceRebuildProjection("aggregate-1", contexts());
      expect(forced.outcome === "rebuilt" && forced.record.projection).toEqual(grown?.projection);
      expect(atOnce.outcome === "rebuilt" && atOnce.record.metadata).toEqual(grown?.metadata);
      expect(first?.projection.ids).toEqual(["a", "b"]);
      expect(steps).toBeGreaterThan(5);
    });

    it("ends between two steps when it is aborted, as something to try again, and loses nothing", async () => {
      const abort = new AbortController();
      let steps = 0;
      const inSteps = service(
        { keptFolds: { minEvents: 1 } },
        foldingInSteps(() => {
          if (++steps === 2) abort.abort();
        }),
      );
      await store(event("a"), event("b"));
      const aborted = inSteps.rebuildProjection("aggregate-1", { ...contexts(), signal: abort.signal });
      await expect(aborted).rejects.toMatchObject({ code: "ABORTED", errorClass: "transient" });
      expect(steps).toBe(2);
      expect(await stored()).toBeUndefined();
      await inSteps.rebuildProjection("aggregate-1", contexts());
      expect(await ids()).toEqual(["a", "b"]);
    });

    it("never goes on from what a hook or a caller changed of a record", async () => {
      const options = (keptFolds: Options["keptFolds"]): Options => ({
        keptFolds: keptFolds as Exclude<typeof keptFolds, undefined>,
        hooks: {
          beforePersist: ({ projection }) => {
            (projection.ids as string[]).push("hooked");
            (projection.data as unknown[])[0] = "hooked";
            return undefined;
          },
        },
      });
      const growing = service(options({ minEvents: 1 }), {
        ...foldingHandler,
        startFold: () => new SharingFold(),
      });
      for (const id of ["a", "b", "c"]) {
        await store(event(id, { data: id }));
        const result = await growing.rebuildProjection("aggregate-1", contexts());
        const record = await stored();
        expect(result).toEqual({ outcome: "rebuilt", record });
        await service(options(false)).forceRebuildProjection("aggregate-1", contexts());
        expect(record?.projection).toEqual((await stored())?.projection);
        if (result.outcome === "rebuilt") (result.record.projection.ids as string[]).length = 0;
      }
      expect(reads.filter((read) => read === "getChangedEvents")).toHaveLength(2);
    });

    it("leaves what a hook of the record adds, and forced rebuilds, as they are", async () => {
      const growing = service({
        keptFolds: { minEvents: 1 },
        hooks: { beforePersist: ({ metadata }) => ({ seen: metadata.eventCount }) },
      });
      await store(event("a"));
      await growing.rebuildProjection("aggregate-1", contexts());
      await store(event("b"));
      await growing.rebuildProjection("aggregate-1", contexts());
      expect((await stored())?.metadata.seen).toBe(2);
      await growing.forceRebuildProjection("aggregate-1", contexts());
      expect(reads.filter((read) => read === "getEvents")).toHaveLength(2);
      await store(event("c"));
      await growing.rebuildProjection("aggregate-1", contexts());
      expect(await ids()).toEqual(["a", "b", "c"]);
    });
  });
}

/** What a fold of one event says it holds, and a half. */
const FOLD_BYTES = 200;

/** Lets go of all data between rebuilds. */
class ForgetfulFold implements EventFold<ContractEvent, KeptFoldsProjection> {
  readonly #events = new Map<string, ContractEvent>();
  readonly #forgotten = new Set<string>();

  add(events: readonly ContractEvent[]): void {
    for (const event of events) {
      this.#events.set(event.id, event);
      this.#forgotten.delete(event.id);
    }
  }

  recall(events: readonly ContractEvent[]): void {
    this.add(events);
  }

  project() {
    if (this.#forgotten.size > 0) return { done: false, needs: [...this.#forgotten] } as const;
    const stream = createEventStream("aggregate-1", [...this.#events.values()]);
    return { done: true, projection: foldingHandler.handle(stream) } as const;
  }

  release(): number {
    for (const [id, event] of this.#events) {
      this.#events.set(id, { ...event, data: "forgotten" });
      this.#forgotten.add(id);
    }
    return this.#events.size * FOLD_BYTES;
  }
}

/** Hands out the arrays that it keeps and goes on with. Takes events in their order only. */
class SharingFold implements EventFold<ContractEvent, KeptFoldsProjection> {
  readonly #projection = { ids: [] as string[], data: [] as unknown[] };

  add(events: readonly ContractEvent[]): void {
    for (const { id, data } of events) {
      this.#projection.ids.push(id);
      this.#projection.data.push(data);
    }
  }

  recall(): void {}

  project() {
    return { done: true, projection: this.#projection } as const;
  }

  release(): number {
    return this.#projection.ids.length * FOLD_BYTES;
  }
}

const foldingHandler: EventHandler<string, ContractEvent, KeptFoldsProjection> = {
  handle: ({ events }) => ({ ids: events.map(({ id }) => id), data: events.map(({ data }) => data) }),
  startFold: () => new ForgetfulFold(),
};

/** The same in steps, one for each event. */
class FoldInSteps extends ForgetfulFold {
  readonly #onStep: () => void;

  constructor(onStep: () => void) {
    super();
    this.#onStep = onStep;
  }

  *addInSteps(events: readonly ContractEvent[]): Generator<void, void> {
    for (const event of events) {
      this.#onStep();
      yield;
      this.add([event]);
    }
  }

  *projectInSteps(): Generator<void, ReturnType<ForgetfulFold["project"]>> {
    this.#onStep();
    yield;
    return this.project();
  }

  *releaseInSteps(): Generator<void, number> {
    this.#onStep();
    yield;
    return this.release();
  }
}

function foldingInSteps(onStep: () => void): EventHandler<string, ContractEvent, KeptFoldsProjection> {
  return { ...foldingHandler, startFold: () => new FoldInSteps(onStep) };
}

/** The store, with some calls changed, which notes the reads of events. */
function recordingReads(
  store: EventStore<string, ContractEvent>,
  reads: string[],
  changed: Partial<EventStore<string, ContractEvent>>,
): EventStore<string, ContractEvent> {
  const noted = new Set(["getEvents", "getChangedEvents", "getEventsById"]);
  return new Proxy(store, {
    get(target, name: keyof EventStore<string, ContractEvent>) {
      const call = changed[name] ?? target[name]?.bind(target);
      if (call === undefined || !noted.has(name)) return call;
      return (...parameters: never[]) => {
        reads.push(name);
        return (call as (...of: never[]) => unknown)(...parameters);
      };
    },
  });
}
