import { randomUUID } from "node:crypto";
import {
  type AggregateRef,
  createEventSourcingPipeline,
  createEventStream,
  type EventHandler,
  EventSourcingError,
  type EventSourcingHooks,
  type EventSourcingOptions,
  type EventStore,
  makeProjectionVersion,
  type ProjectionRecord,
  type ProjectionStore,
  type ProjectionVersion,
  parseTenantId,
  type RebuildProgress,
  readProjectionVersion,
  type TenantId,
} from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { arrivalArbitrary } from "../events/arrivalArbitrary.js";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import { eventsArbitrary } from "../events/eventArbitrary.js";
import { refusedContexts } from "../stores/storedValues.js";

/** What the contract's handler makes of a stream: everything, in order. */
export interface ContractProjection {
  readonly ids: readonly string[];
  readonly data: readonly unknown[];
  readonly handler: number;
}

export interface EventSourcingServiceHarness {
  readonly eventStore: EventStore<string, ContractEvent>;
  readonly projectionStore: ProjectionStore<string, ContractProjection>;
  /** Puts a projection of this version into the engine, past the store, that the store cannot decode. */
  plantUndecodable?(ref: AggregateRef, version: ProjectionVersion): Promise<void>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface EventSourcingServiceContract {
  /** Names the pair of stores in the test report. */
  readonly name: string;
  setUp(): EventSourcingServiceHarness | Promise<EventSourcingServiceHarness>;
  /** Runs of each property test. @default 20 */
  readonly numRuns?: number;
}

/** Tests what `EventSourcingService` promises over a pair of stores. Call it at the top of a test file. */
export function eventSourcingServiceContract(contract: EventSourcingServiceContract): void {
  describe(`EventSourcingService over ${contract.name}`, () => {
    let harness: EventSourcingServiceHarness;
    let tenantId: TenantId;
    beforeAll(async () => {
      harness = await contract.setUp();
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });
    beforeEach(() => {
      tenantId = parseTenantId(`tenant-${randomUUID()}`);
    });

    const contexts = () => ({ eventStoreContext: { tenantId }, projectionStoreContext: { tenantId } });
    const service = (
      handler: EventHandler<string, ContractEvent, ContractProjection> = recordingHandler(1),
      serviceOptions: EventSourcingOptions<string, ContractEvent, ContractProjection> = {},
    ) => createEventSourcingPipeline({ ...harness, eventHandler: handler, serviceOptions }).service;
    const store = (...events: readonly ContractEvent[]) =>
      harness.eventStore.storeEvents(events, { tenantId });
    const stored = async (aggregateId = "aggregate-1") => {
      const read = await harness.projectionStore.getProjection(aggregateId, { tenantId });
      return read.status === "found" ? read.record : undefined;
    };
    const event = (id: string, fields: Partial<ContractEvent> = {}) => contractEvent({ id, ...fields });

    describe("rebuildProjection", () => {
      it("stores the fold of the ordered events, with what it was made of", async () => {
        await store(
          event("b", { occurredAt: TEST_EPOCH + 2n, acceptedAt: TEST_EPOCH + 5n, data: 2 }),
          event("a", { occurredAt: TEST_EPOCH + 1n, acceptedAt: TEST_EPOCH + 7n, data: 1 }),
        );
        const result = await service().rebuildProjection("aggregate-1", contexts());
        const record = await stored();
        expect(result).toEqual({ outcome: "rebuilt", record });
        expect(record?.projection).toEqual({ ids: ["a", "b"], data: [1, 2], handler: 1 });
        expect(record?.metadata).toEqual({
          eventCount: 2,
          firstEventTimestamp: String(TEST_EPOCH + 1n),
          lastEventTimestamp: String(TEST_EPOCH + 2n),
        });
        expect(record && readProjectionVersion(record.version)).toEqual({
          eventCount: 2,
          acceptedSum: 2n * TEST_EPOCH + 12n,
          handlerVersion: 1,
          revision: 0,
        });
      });

      it("writes nothing for an aggregate without events", async () => {
        expect(await service().rebuildProjection("unknown", contexts())).toEqual({ outcome: "no-events" });
        expect(await stored("unknown")).toBeUndefined();
      });

      it("orders by a comparator when told to", async () => {
        await store(event("a", { data: 1 }), event("b", { data: 3 }), event("c", { data: 2 }));
        const byData = (a: ContractEvent, b: ContractEvent) => Number(b.data) - Number(a.data);
        await service(recordingHandler(1), { ordering: byData }).rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.ids).toEqual(["b", "c", "a"]);
      });

      it("ends in the same record for any order, duplication and batching of the same events", async () => {
        await fc.assert(
          fc.asyncProperty(eventsArbitrary(), arrivalArbitrary(), async (events, arrival) => {
            const inOrder = parseTenantId(`tenant-${randomUUID()}`);
            const arrived = parseTenantId(`tenant-${randomUUID()}`);
            const ids = [...new Set(events.map(({ aggregateId }) => aggregateId))];
            await harness.eventStore.storeEvents(events, { tenantId: inOrder });
            for (const batch of arrival.batchesOf(events)) {
              await harness.eventStore.storeEvents(batch, { tenantId: arrived });
              // A rebuild in the middle must not change where it ends.
              const [touched] = batch;
              if (touched) await rebuild(arrived, touched.aggregateId);
            }
            for (const id of ids) {
              await rebuild(inOrder, id);
              await rebuild(arrived, id);
              const expected = await harness.projectionStore.getProjection(id, { tenantId: inOrder });
              expect(await harness.projectionStore.getProjection(id, { tenantId: arrived })).toEqual(
                expected,
              );
            }
          }),
          { numRuns: contract.numRuns ?? 20 },
        );

        async function rebuild(tenant: TenantId, aggregateId: string) {
          const context = { tenantId: tenant };
          await service().rebuildProjection(aggregateId, {
            eventStoreContext: context,
            projectionStoreContext: context,
          });
        }
      });

      it("keeps the fold of more events when a rebuild that saw fewer ends last", async () => {
        await store(event("a"));
        let release = () => {};
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        let reached = () => {};
        const slowReached = new Promise<void>((resolve) => {
          reached = resolve;
        });
        const slow = service(recordingHandler(1), {
          hooks: {
            async beforePersist() {
              reached();
              await released;
              return undefined;
            },
          },
        }).rebuildProjection("aggregate-1", contexts());
        await slowReached;
        await store(event("b", { occurredAt: TEST_EPOCH + 9n }));
        await service().rebuildProjection("aggregate-1", contexts());
        release();
        await slow;
        expect((await stored())?.projection.ids).toEqual(["a", "b"]);
      });

      it("says which aggregate the handler threw for, and keeps what was stored", async () => {
        await store(event("a"));
        await service().rebuildProjection("aggregate-1", contexts());
        await store(event("b"));
        const broken = { version: 1, handle: () => fail("no model") };
        await expect(service(broken).rebuildProjection("aggregate-1", contexts())).rejects.toMatchObject({
          code: "HANDLER_FAILED",
          errorClass: "poison",
          message: expect.stringContaining("no model"),
          fields: { tenantId, aggregateId: "aggregate-1", eventCount: 2 },
        });
        expect((await stored())?.projection.ids).toEqual(["a"]);
      });
    });

    describe("handler versions", () => {
      it("replaces an old handler's output of the same events, and not the other way", async () => {
        await store(event("a"));
        await service(recordingHandler(1)).rebuildProjection("aggregate-1", contexts());
        await service(recordingHandler(2)).rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.handler).toBe(2);
        await service(recordingHandler(1)).rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.handler).toBe(2);
      });
    });

    describe("rebuilds at the same time", () => {
      interface Rebuild {
        readonly kind: "rebuild";
        readonly handler: number;
        readonly forced: boolean;
        /** After so many later steps it writes: what it has read may be old by then. */
        readonly lasts: number;
      }
      type Step = Rebuild | { readonly kind: "store" };
      const step: fc.Arbitrary<Step> = fc.oneof(
        fc.constant<Step>({ kind: "store" }),
        fc.record({
          kind: fc.constant("rebuild" as const),
          handler: fc.integer({ min: 1, max: 2 }),
          forced: fc.boolean(),
          lasts: fc.nat({ max: 5 }),
        }),
      );

      /** Has read and folded, and waits for `write`. */
      async function startRebuild({ handler, forced }: Rebuild) {
        let write = () => {};
        const writes = new Promise<void>((resolve) => {
          write = resolve;
        });
        let folded = () => {};
        const hasFolded = new Promise<void>((resolve) => {
          folded = resolve;
        });
        const gated = service(recordingHandler(handler), {
          hooks: {
            async beforePersist() {
              folded();
              await writes;
              return undefined;
            },
          },
        });
        const done = forced
          ? gated.forceRebuildProjection("aggregate-1", contexts())
          : gated.rebuildProjection("aggregate-1", contexts());
        // Without events it ends before it gets to a hook.
        await Promise.race([hasFolded, done]);
        return async () => {
          write();
          return done;
        };
      }

      it("leave the greatest version, whatever they read, when they write and whose clocks are off", async () => {
        await fc.assert(
          fc.asyncProperty(
            eventsArbitrary({ maxLength: 6 }),
            fc.array(step, { maxLength: 12 }),
            async (events, steps) => {
              tenantId = parseTenantId(`tenant-${randomUUID()}`);
              const waiting: {
                readonly due: number;
                readonly write: Awaited<ReturnType<typeof startRebuild>>;
              }[] = [];
              const queue = [...events];
              let greatest: ProjectionRecord<string, ContractProjection> | undefined;
              const writeThoseDue = async (now: number) => {
                for (const { write } of waiting.filter(({ due }) => due === now)) {
                  const result = await write();
                  if (result.outcome === "no-events") continue;
                  if (greatest === undefined || result.record.version > greatest.version)
                    greatest = result.record;
                  const read = await stored();
                  expect(read?.version).toBe(greatest.version);
                  expect(read?.projection).toEqual(greatest.projection);
                }
              };
              for (const [now, next] of steps.entries()) {
                if (next.kind === "store") {
                  const event = queue.shift();
                  if (event !== undefined) await store(event);
                } else {
                  waiting.push({ due: now + next.lasts, write: await startRebuild(next) });
                }
                await writeThoseDue(now);
              }
              for (let now = steps.length; now < steps.length + 5; now++) await writeThoseDue(now);

              // Whatever happened, the newer handler's rebuild of all that is stored is what stays.
              await store(...queue);
              await service(recordingHandler(2)).rebuildProjection("aggregate-1", contexts());
              await service(recordingHandler(1)).forceRebuildProjection("aggregate-1", contexts());
              if (events.length === 0) return;
              expect((await stored())?.projection).toEqual(
                recordingHandler(2).handle(createEventStream("aggregate-1", events)),
              );
            },
          ),
          { numRuns: contract.numRuns ?? 20 },
        );
      });

      it("take effect when forced at once: one of them stays, and no plain rebuild undoes it", async () => {
        await store(event("a"));
        await service(recordingHandler(1)).rebuildProjection("aggregate-1", contexts());
        const changed = (data: string) => ({
          version: 1,
          handle: () => ({ ids: [], data: [data], handler: 1 }),
        });
        await Promise.all(
          ["one", "two", "three"].map((data) =>
            service(changed(data)).forceRebuildProjection("aggregate-1", contexts()),
          ),
        );
        await service(recordingHandler(1)).rebuildProjection("aggregate-1", contexts());
        const record = await stored();
        expect(["one", "two", "three"]).toContain(record?.projection.data[0]);
        expect(record && readProjectionVersion(record.version).revision).toBeGreaterThanOrEqual(1);
        await service(changed("four")).forceRebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.data).toEqual(["four"]);
      });

      it("do not let a forced one hide what it has not seen, however often it was forced before", async () => {
        await store(event("a"));
        for (let i = 0; i < 3; i++) await service().forceRebuildProjection("aggregate-1", contexts());
        const write = await startRebuild({ kind: "rebuild", handler: 1, forced: true, lasts: 0 });
        await store(event("b", { occurredAt: TEST_EPOCH + 9n }));
        await service().rebuildProjection("aggregate-1", contexts());
        await write();
        expect((await stored())?.projection.ids).toEqual(["a", "b"]);
      });

      it("prefer more events to a newer handler, and the newer handler's next rebuild to both", async () => {
        await store(event("a"));
        await service(recordingHandler(2)).rebuildProjection("aggregate-1", contexts());
        await store(event("b", { occurredAt: TEST_EPOCH + 9n }));
        // A worker of the version before is still at work.
        await service(recordingHandler(1)).rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection).toMatchObject({ ids: ["a", "b"], handler: 1 });
        await service(recordingHandler(2)).rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection).toMatchObject({ ids: ["a", "b"], handler: 2 });
      });
    });

    describe("handlers that are none", () => {
      const handlerWith = (handle: unknown, version?: number) =>
        ({ handle, ...(version === undefined ? {} : { version }) }) as EventHandler<
          string,
          ContractEvent,
          ContractProjection
        >;

      it.each([1.5, -1, Number.NaN, 2 ** 32, "2"])("are refused at once: version %s", (version) => {
        expect(() => service(handlerWith(recordingHandler(1).handle, version as number))).toThrow(
          expect.objectContaining({ code: "INVALID_OPTIONS", message: expect.stringContaining("version") }),
        );
      });

      it.each([
        ["nothing", undefined],
        ["an async function", async () => ({ ids: [], data: [], handler: 1 })],
      ])("are refused at once: %s as handle", (_, handle) => {
        expect(() => service(handlerWith(handle))).toThrow(
          expect.objectContaining({ code: "INVALID_OPTIONS" }),
        );
      });

      it("are refused when they return a promise, whether it is kept or not", async () => {
        await store(event("a"));
        for (const handle of [
          () => Promise.resolve({}),
          () => Promise.reject(new Error("nobody waits for this")),
        ]) {
          await expect(
            service(handlerWith(handle)).rebuildProjection("aggregate-1", contexts()),
          ).rejects.toMatchObject({ code: "HANDLER_FAILED", message: expect.stringContaining("promise") });
        }
        expect(await stored()).toBeUndefined();
      });

      it("are refused when they change an event, the same over every store, and change nothing", async () => {
        await store(event("a", { data: { amount: 100, list: [1] } }));
        type Changeable = { id: string; data: { amount: number; list: number[] } };
        const changes: readonly ((events: Changeable[]) => unknown)[] = [
          ([first]) => first && Object.assign(first.data, { amount: 200 }),
          ([first]) => first?.data.list.push(2),
          ([first]) => first && Object.assign(first, { id: "b" }),
          (events) => events.pop(),
        ];
        for (const change of changes) {
          const handler = handlerWith((stream: { readonly events: Changeable[] }) => {
            change(stream.events);
            return { ids: ["changed"], data: [], handler: 1 };
          });
          await expect(service(handler).rebuildProjection("aggregate-1", contexts())).rejects.toMatchObject({
            code: "HANDLER_FAILED",
          });
        }
        await service().rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection).toMatchObject({
          ids: ["a"],
          data: [{ amount: 100, list: [1] }],
        });
      });

      it("are refused when what they return cannot be stored, with the path to it", async () => {
        await store(event("a"));
        const handler = handlerWith(() => ({ ids: [], data: [{ total: 5n }], handler: 1 }));
        await expect(service(handler).rebuildProjection("aggregate-1", contexts())).rejects.toMatchObject({
          code: "INVALID_PROJECTION",
          errorClass: "poison",
          message: expect.stringContaining("projection.data[0].total is a bigint"),
        });
        expect(await stored()).toBeUndefined();
      });
    });

    describe("contexts", () => {
      const calls: readonly (readonly [
        name: string,
        call: (of: ReturnType<typeof service>, options: ReturnType<typeof contexts>) => Promise<unknown>,
      ])[] = [
        ["rebuildProjection", (of, options) => of.rebuildProjection("aggregate-1", options)],
        [
          "rebuildProjectionFrom",
          (of, options) => of.rebuildProjectionFrom("aggregate-1", [event("a")], options),
        ],
        ["forceRebuildProjection", (of, options) => of.forceRebuildProjection("aggregate-1", options)],
        ["getProjection", (of, options) => of.getProjection("aggregate-1", options)],
        ["rebuildProjections", (of, options) => of.rebuildProjections(["aggregate-1"], options)],
        ["rebuildAllProjections", (of, options) => of.rebuildAllProjections(options)],
      ];

      it.each(calls)("of two tenants are refused before anything is read: %s", async (_, call) => {
        await store(event("a"));
        const other = { tenantId: parseTenantId(`tenant-${randomUUID()}`) };
        await harness.eventStore.storeEvents([event("theirs")], other);
        for (const options of [
          { ...contexts(), projectionStoreContext: other },
          { ...contexts(), eventStoreContext: other },
        ]) {
          await expect(call(service(), options)).rejects.toMatchObject({
            code: "INVALID_OPTIONS",
            message: expect.stringContaining(other.tenantId),
          });
        }
        expect(await stored()).toBeUndefined();
        expect(await harness.projectionStore.getProjection("aggregate-1", other)).toEqual({
          status: "absent",
        });
      });

      it.each(calls)("without a tenant are refused: %s", async (_, call) => {
        for (const [, context] of refusedContexts) {
          const nobody = context as { readonly tenantId: TenantId };
          const options = { eventStoreContext: nobody, projectionStoreContext: nobody };
          await expect(call(service(), options)).rejects.toMatchObject({ code: "INVALID_TENANT_ID" });
        }
        const none = undefined as unknown as ReturnType<typeof contexts>;
        await expect(call(service(), none)).rejects.toMatchObject({ code: "INVALID_TENANT_ID" });
      });
    });

    describe("rebuildProjectionFrom", () => {
      it("does the same as a rebuild, without reading", async () => {
        await store(event("a"), event("b", { occurredAt: TEST_EPOCH + 9n }));
        const events = await harness.eventStore.getEvents("aggregate-1", { tenantId });
        const expected = await service().rebuildProjection("aggregate-1", contexts());
        tenantId = parseTenantId(`tenant-${randomUUID()}`);
        expect(await service().rebuildProjectionFrom("aggregate-1", events, contexts())).toEqual(expected);
        expect((await stored())?.projection.ids).toEqual(["a", "b"]);
        expect(await service().rebuildProjectionFrom("aggregate-2", [], contexts())).toEqual({
          outcome: "no-events",
        });
      });
    });

    describe("forceRebuildProjection", () => {
      it("replaces what is stored although nothing changed", async () => {
        await store(event("a"));
        await service(recordingHandler(1)).rebuildProjection("aggregate-1", contexts());
        const changedInPlace = { version: 1, handle: () => ({ ids: [], data: ["changed"], handler: 1 }) };
        await service(changedInPlace).forceRebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.data).toEqual(["changed"]);
        await service(recordingHandler(1)).forceRebuildProjection("aggregate-1", contexts());
        const record = await stored();
        expect(record?.projection.ids).toEqual(["a"]);
        expect(record && readProjectionVersion(record.version).revision).toBe(2);
      });

      it("replaces a projection that cannot be decoded, however often it was forced", async () => {
        // Stores that keep values instead of rows have nothing to decode.
        if (harness.plantUndecodable === undefined) return;
        await store(event("a"));
        const { record } = (await service().rebuildProjection("aggregate-1", contexts())) as {
          record: ProjectionRecord;
        };
        const forced = makeProjectionVersion({ ...readProjectionVersion(record.version), revision: 7 });
        await harness.plantUndecodable({ tenantId, aggregateId: "aggregate-1" }, forced);
        expect(await service().getProjection("aggregate-1", contexts())).toMatchObject({
          status: "undecodable",
        });
        await service().forceRebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.ids).toEqual(["a"]);
      });

      it("gives way to the next event", async () => {
        await store(event("a"));
        await service().forceRebuildProjection("aggregate-1", contexts());
        await store(event("b", { occurredAt: TEST_EPOCH + 9n }));
        await service().rebuildProjection("aggregate-1", contexts());
        expect((await stored())?.projection.ids).toEqual(["a", "b"]);
      });
    });

    describe("getProjection", () => {
      it("tells found from absent", async () => {
        await store(event("a"));
        await service().rebuildProjection("aggregate-1", contexts());
        const record = await stored();
        expect(await service().getProjection("aggregate-1", contexts())).toEqual({ status: "found", record });
        expect(await service().getProjection("unknown", contexts())).toEqual({ status: "absent" });
      });
    });

    describe("hooks", () => {
      it("are called in order, and may add metadata", async () => {
        await store(event("a"));
        const calls: string[] = [];
        const hooks: EventSourcingHooks<string, ContractEvent, ContractProjection> = {
          beforeHandle: (stream) => void calls.push(`beforeHandle ${stream.metadata.count}`),
          afterHandle: (_, projection) => void calls.push(`afterHandle ${projection.ids}`),
          beforePersist: (record) => {
            calls.push(`beforePersist ${record.metadata.eventCount}`);
            return { builtBy: "the contract" };
          },
          afterPersist: (record) => void calls.push(`afterPersist ${record.metadata.builtBy}`),
        };
        await service(recordingHandler(1), { hooks }).rebuildProjection("aggregate-1", contexts());
        expect(calls).toEqual([
          "beforeHandle 1",
          "afterHandle a",
          "beforePersist 1",
          "afterPersist the contract",
        ]);
        expect((await stored())?.metadata).toMatchObject({ eventCount: 1, builtBy: "the contract" });
      });

      it.each(["beforeHandle", "afterHandle", "beforePersist"] as const)(
        "that throw in %s fail the rebuild before anything is written",
        async (name) => {
          await store(event("a"));
          const hooks = { [name]: () => fail("the hook is broken") };
          await expect(
            service(recordingHandler(1), { hooks }).rebuildProjection("aggregate-1", contexts()),
          ).rejects.toMatchObject({
            code: "HOOK_FAILED",
            message: expect.stringContaining(name),
            fields: { eventCount: 1 },
          });
          expect(await stored()).toBeUndefined();
        },
      );

      it("whose store is away fail the rebuild as an engine that is away does", async () => {
        await store(event("a"));
        const hooks = {
          beforePersist: () => {
            throw new EventSourcingError("STORE_UNAVAILABLE", "the other store is away");
          },
        };
        const rebuilding = service(recordingHandler(1), { hooks }).rebuildProjection(
          "aggregate-1",
          contexts(),
        );
        await expect(rebuilding).rejects.toMatchObject({ code: "HOOK_FAILED", errorClass: "transient" });
        expect(await stored()).toBeUndefined();
      });

      it("that throw in afterPersist do not undo a stored projection", async () => {
        await store(event("a"));
        const errors: unknown[] = [];
        const hooks = {
          afterPersist: () => fail("the cache is gone"),
          onHookError: (error: unknown) => void errors.push(error),
        };
        const result = await service(recordingHandler(1), { hooks }).rebuildProjection(
          "aggregate-1",
          contexts(),
        );
        expect(result.outcome).toBe("rebuilt");
        expect(errors).toEqual([expect.objectContaining({ message: "the cache is gone" })]);
        expect((await stored())?.projection.ids).toEqual(["a"]);
      });
    });

    describe("batch rebuilds", () => {
      const aggregates = ["a", "b", "c", "d", "e"];
      const storeOneOfEach = () => store(...aggregates.map((aggregateId) => event("only", { aggregateId })));
      const projected = async () => {
        const found = await Promise.all(aggregates.map((aggregateId) => stored(aggregateId)));
        return aggregates.filter((_, index) => found[index] !== undefined);
      };

      it("rebuild a list, past aggregates without events", async () => {
        await storeOneOfEach();
        const summary = await service().rebuildProjections(["b", "unknown", "d"], {
          ...contexts(),
          batchSize: 2,
        });
        expect(summary).toEqual({ rebuilt: 2, empty: 1, failed: 0, failures: [] });
        expect(await projected()).toEqual(["b", "d"]);
      });

      it("rebuild everything of the tenant and nobody else's", async () => {
        await storeOneOfEach();
        const other = parseTenantId(`tenant-${randomUUID()}`);
        await harness.eventStore.storeEvents([event("only", { aggregateId: "a" })], { tenantId: other });
        const summary = await service().rebuildAllProjections({ ...contexts(), batchSize: 2 });
        expect(summary).toMatchObject({ rebuilt: 5, failed: 0 });
        expect(await projected()).toEqual(aggregates);
        expect(await harness.projectionStore.getProjection("a", { tenantId: other })).toEqual({
          status: "absent",
        });
      });

      it("go on past aggregates that fail, and report them", async () => {
        await storeOneOfEach();
        const recording = recordingHandler(1);
        const handler: typeof recording = {
          handle: (stream) => (stream.aggregateId === "b" ? fail("bad trace") : recording.handle(stream)),
        };
        const reports: RebuildProgress[] = [];
        const onProgress = (progress: RebuildProgress) => void reports.push(progress);
        const summary = await service(handler).rebuildAllProjections({
          ...contexts(),
          batchSize: 2,
          onProgress,
        });
        expect(summary).toMatchObject({ rebuilt: 4, failed: 1 });
        expect(summary.failures).toEqual([
          { aggregateId: "b", error: expect.objectContaining({ code: "HANDLER_FAILED" }) },
        ]);
        expect(reports.flatMap(({ failures }) => failures.map(({ aggregateId }) => aggregateId))).toEqual([
          "b",
        ]);
        expect(await projected()).toEqual(["a", "c", "d", "e"]);
      });

      it("go on past projections that cannot be stored, and report them", async () => {
        await storeOneOfEach();
        const recording = recordingHandler(1);
        const handler: typeof recording = {
          handle: (stream) =>
            stream.aggregateId === "b"
              ? { ids: [], data: [Number.NaN], handler: 1 }
              : recording.handle(stream),
        };
        const persisted: string[] = [];
        const afterPersist = ({ aggregateId }: { readonly aggregateId: string }) =>
          void persisted.push(aggregateId);
        const summary = await service(handler, { hooks: { afterPersist } }).rebuildAllProjections({
          ...contexts(),
          batchSize: 3,
        });
        expect(summary).toMatchObject({ rebuilt: 4, failed: 1 });
        expect(summary.failures).toEqual([
          { aggregateId: "b", error: expect.objectContaining({ code: "INVALID_PROJECTION" }) },
        ]);
        expect(await projected()).toEqual(["a", "c", "d", "e"]);
        expect(persisted.sort()).toEqual(["a", "c", "d", "e"]);
      });

      it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
        "refuse a batchSize of %d before anything is read",
        async (batchSize) => {
          const invalid = { code: "INVALID_OPTIONS", message: expect.stringContaining("batchSize") };
          const options = { ...contexts(), batchSize };
          const ids = {
            [Symbol.iterator]: () => fail("the ids were asked for"),
          };
          await expect(service().rebuildProjections(ids, options)).rejects.toMatchObject(invalid);
          await expect(service().rebuildAllProjections(options)).rejects.toMatchObject(invalid);
        },
      );

      it("call the hooks of one batch side by side", async () => {
        await storeOneOfEach();
        let waiting = 0;
        let most = 0;
        let letGo: () => void = () => {};
        const allThere = new Promise<void>((resolve) => {
          letGo = resolve;
        });
        const wait = async () => {
          most = Math.max(most, ++waiting);
          if (waiting === aggregates.length) letGo();
          await allThere;
          return undefined;
        };
        const persisted: string[] = [];
        const hooks = {
          beforePersist: wait,
          afterPersist: ({ aggregateId }: { readonly aggregateId: string }) =>
            void persisted.push(aggregateId),
        };
        await service(recordingHandler(1), { hooks }).rebuildAllProjections(contexts());
        expect(most).toBe(aggregates.length);
        expect(persisted.sort()).toEqual(aggregates);
      });

      it("resume where a report says", async () => {
        await storeOneOfEach();
        const stopping = new AbortController();
        let cursor: string | null = null;
        const interrupted = service().rebuildAllProjections({
          ...contexts(),
          batchSize: 2,
          signal: stopping.signal,
          onProgress(progress) {
            cursor = progress.cursor;
            stopping.abort();
          },
        });
        await expect(interrupted).rejects.toMatchObject({ code: "ABORTED" });
        expect(await projected()).toEqual(["a", "b"]);
        expect(cursor).not.toBeNull();
        const rest = await service().rebuildAllProjections({
          ...contexts(),
          batchSize: 2,
          ...(cursor === null ? {} : { cursor }),
        });
        expect(rest.rebuilt).toBe(3);
        expect(await projected()).toEqual(aggregates);
      });
    });
  });
}

function recordingHandler(version: number): EventHandler<string, ContractEvent, ContractProjection> {
  return {
    version,
    handle: (stream) => ({
      ids: stream.events.map(({ id }) => id),
      data: stream.events.map(({ data }) => data),
      handler: version,
    }),
  };
}

function fail(message: string): never {
  throw new Error(message);
}
