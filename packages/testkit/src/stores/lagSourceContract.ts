import { randomUUID } from "node:crypto";
import {
  type Event,
  type EventStore,
  makeProjectionVersion,
  type ProjectionStore,
  parseTenantId,
  type TenantId,
} from "@es/core";
import type { LaggingAggregate, LagSource, ListLaggingOptions } from "@es/processing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ContractEvent, contractEvent } from "../events/contractEvent.js";
import { hostileIds, hostileTenantIds } from "../hostileIds.js";

export interface LagSourceHarness<TEvent extends Event, TProjection> {
  readonly source: LagSource;
  /** Where the source's events are stored. */
  readonly eventStore: EventStore<string, TEvent>;
  /** Where the projections are stored that should cover them. */
  readonly projectionStore: ProjectionStore<string, TProjection>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface LagSourceContract<
  TEvent extends Event,
  TProjection,
  THarness extends LagSourceHarness<TEvent, TProjection>,
> {
  /** Names the implementation in the test report. */
  readonly name: string;
  /** Its stores are used by nobody else. */
  setUp(): THarness | Promise<THarness>;
  /** Brings about what the stores otherwise do in their own time, such as merges. Given, the suite runs twice. */
  settle?(harness: THarness): Promise<void>;
  /** For a store of events of its own kind. @default as given */
  makeEvent?(event: ContractEvent): TEvent;
  /** For a store of projections of its own kind. @default as given */
  makeProjection?(value: unknown, aggregateId: string): TProjection;
  /** Runs of the property test, of ten histories each. @default 4 */
  readonly numRuns?: number;
}

const MS = 1_000_000n;
const HOUR_MS = 3_600_000;
/** Longer than any test runs. */
const SPELL_MS = 600_000;
const agoMs = (ms: number) => BigInt(Date.now() - ms) * MS;

/** Tests every promise of `LagSource`. Call it at the top of a test file, once per implementation. */
export function lagSourceContract<
  TEvent extends Event = ContractEvent,
  TProjection = unknown,
  THarness extends LagSourceHarness<TEvent, TProjection> = LagSourceHarness<TEvent, TProjection>,
>(contract: LagSourceContract<TEvent, TProjection, THarness>): void {
  describe(`${contract.name} keeps the promises of a LagSource`, () => {
    suite(contract, false);
  });
  if (contract.settle !== undefined) {
    describe(`${contract.name} keeps the promises of a LagSource, settled before every look`, () => {
      suite(contract, true);
    });
  }
}

function suite<TEvent extends Event, TProjection, THarness extends LagSourceHarness<TEvent, TProjection>>(
  contract: LagSourceContract<TEvent, TProjection, THarness>,
  settled: boolean,
): void {
  let harness: THarness;
  beforeAll(async () => {
    harness = await contract.setUp();
  });
  afterAll(async () => {
    await harness?.tearDown?.();
  });

  const newTenant = () => parseTenantId(`tenant-${randomUUID()}`);

  type Expected = Pick<LaggingAggregate, "aggregateId" | "storedEvents" | "projectedEvents" | "laggingSince">;

  interface History {
    readonly aggregateId: string;
    readonly events: readonly Stamped[];
    /** How many of them were stored when the projection was made. */
    readonly projectedAfter: number;
  }

  interface Stamped {
    readonly id: string;
    readonly acceptedAt: bigint;
  }

  async function store(
    tenantId: TenantId,
    aggregateId: string,
    ...events: readonly Stamped[]
  ): Promise<void> {
    const made = events.map((event) => {
      const whole = contractEvent({ ...event, aggregateId });
      return contract.makeEvent?.(whole) ?? (whole as unknown as TEvent);
    });
    await harness.eventStore.storeEvents(made, { tenantId });
  }

  /** Stores the projection that a fold of these events would give. */
  async function project(
    tenantId: TenantId,
    aggregateId: string,
    ...events: readonly Stamped[]
  ): Promise<void> {
    const version = makeProjectionVersion({
      eventCount: events.length,
      acceptedSum: events.reduce((sum, { acceptedAt }) => sum + acceptedAt, 0n),
      handlerVersion: 1,
      revision: 0,
    });
    const projection =
      contract.makeProjection?.(events.length, aggregateId) ?? (events.length as TProjection);
    const metadata = { eventCount: events.length, firstEventTimestamp: "0", lastEventTimestamp: "0" };
    await harness.projectionStore.storeProjection(
      { aggregateId, version, projection, metadata },
      { tenantId },
    );
  }

  /** The whole listing, the tenant's part of it. */
  async function look(
    tenantIds: TenantId | readonly TenantId[],
    options: ListLaggingOptions = {},
  ): Promise<readonly LaggingAggregate[]> {
    if (settled) await contract.settle?.(harness);
    const found: LaggingAggregate[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<LagSource["listLagging"]>> = await harness.source.listLagging(
        cursor === null ? options : { ...options, cursor },
      );
      expect(page.items.length).toBeLessThanOrEqual(options.limit ?? 1_000);
      found.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return found.filter(({ tenantId }) => [tenantIds].flat().includes(tenantId));
  }

  const idsOf = (found: readonly LaggingAggregate[]) => found.map(({ aggregateId }) => aggregateId);

  it("lists what has no projection, with how much it lags and since when", async () => {
    const tenantId = newTenant();
    const acceptedAt = agoMs(HOUR_MS) + 7n;
    await store(tenantId, "a", { id: "1", acceptedAt: acceptedAt + 5n }, { id: "2", acceptedAt });
    const [found, ...others] = await look(tenantId);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      tenantId,
      aggregateId: "a",
      storedEvents: 2,
      projectedEvents: 0,
      laggingSince: acceptedAt,
    });
    expect(found?.lagMs).toBeGreaterThan(HOUR_MS - SPELL_MS);
    expect(found?.lagMs).toBeLessThan(HOUR_MS + SPELL_MS);
  });

  it("does not list what is covered, also where it was stored more than once", async () => {
    const tenantId = newTenant();
    const events = [1, 2, 3].map((n) => ({ id: `${n}`, acceptedAt: agoMs(HOUR_MS) + BigInt(n) }));
    for (let times = 0; times < 3; times++) await store(tenantId, "a", ...events);
    await project(tenantId, "a", ...events);
    expect(await look(tenantId)).toEqual([]);
  });

  it("lists what has one event more, since that one", async () => {
    const tenantId = newTenant();
    const events = [3, 2, 1].map((n) => ({ id: `${n}`, acceptedAt: agoMs(n * HOUR_MS) }));
    await store(tenantId, "a", ...events);
    await project(tenantId, "a", ...events.slice(0, 2));
    await project(tenantId, "a", ...events.slice(0, 1));
    expect(await look(tenantId)).toMatchObject([
      { storedEvents: 3, projectedEvents: 2, laggingSince: events[2]?.acceptedAt },
    ]);
  });

  it("lists what has an event replaced by a later one, since that one", async () => {
    const tenantId = newTenant();
    const event = { id: "1", acceptedAt: agoMs(2 * HOUR_MS) };
    const again = { id: "1", acceptedAt: agoMs(HOUR_MS) };
    await store(tenantId, "a", event);
    await store(tenantId, "a", again);
    await project(tenantId, "a", event);
    expect(await look(tenantId)).toMatchObject([
      { storedEvents: 1, projectedEvents: 1, laggingSince: again.acceptedAt },
    ]);
    await project(tenantId, "a", again);
    expect(await look(tenantId)).toEqual([]);
  });

  it("does not list a projection that covers more than is stored", async () => {
    const tenantId = newTenant();
    const events = [1, 2].map((n) => ({ id: `${n}`, acceptedAt: agoMs(HOUR_MS) + BigInt(n) }));
    await store(tenantId, "a", ...events.slice(1));
    await project(tenantId, "a", ...events);
    expect(await look(tenantId)).toEqual([]);
  });

  it("takes only what has an event accepted lately", async () => {
    const tenantId = newTenant();
    await store(tenantId, "old", { id: "1", acceptedAt: agoMs(2 * HOUR_MS) });
    await store(
      tenantId,
      "new",
      { id: "1", acceptedAt: agoMs(2 * HOUR_MS) },
      { id: "2", acceptedAt: agoMs(0) },
    );
    expect(idsOf(await look(tenantId))).toEqual(["new", "old"]);
    const found = await look(tenantId, { acceptedWithinMs: HOUR_MS });
    expect(found).toMatchObject([{ aggregateId: "new", storedEvents: 2 }]);
    expect(idsOf(await look(tenantId, { acceptedWithinMs: 3 * HOUR_MS }))).toEqual(["new", "old"]);
    expect(idsOf(await look(tenantId, { acceptedWithinMs: Number.MAX_SAFE_INTEGER }))).toEqual([
      "new",
      "old",
    ]);
  });

  it("leaves out what lags for less than the grace, but not what a wrong clock stamped", async () => {
    const tenantId = newTenant();
    await store(tenantId, "fresh", { id: "1", acceptedAt: agoMs(0) });
    await store(tenantId, "late", { id: "1", acceptedAt: agoMs(HOUR_MS) }, { id: "2", acceptedAt: agoMs(0) });
    await store(tenantId, "ahead", { id: "1", acceptedAt: agoMs(-2 * HOUR_MS) });
    await store(tenantId, "far ahead", { id: "1", acceptedAt: 2n ** 64n - 1n });
    const found = await look(tenantId, { graceMs: SPELL_MS });
    expect(idsOf(found)).toEqual(["ahead", "far ahead", "late"]);
    expect(found.map(({ lagMs }) => lagMs > 0)).toEqual([false, false, true]);
    expect(await look(tenantId)).toHaveLength(4);
  });

  it("lists exactly what lags, for any history and any size of page", async () => {
    const stampArbitrary = fc.bigInt({ min: 1n, max: 5n }).map((hours) => agoMs(0) - hours * 3_600_000n * MS);
    const aggregateArbitrary = fc.record({
      aggregateId: fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"),
      events: fc.array(fc.record({ id: fc.constantFrom("1", "2", "3", "4"), acceptedAt: stampArbitrary }), {
        minLength: 1,
        maxLength: 8,
      }),
      projectedAfter: fc.nat({ max: 8 }),
    });
    const historyArbitrary = fc.uniqueArray(aggregateArbitrary, {
      selector: ({ aggregateId }) => aggregateId,
    });
    /** Each identity once, the one accepted last. */
    const distinct = (events: readonly Stamped[]) => {
      const byId = new Map<string, Stamped>();
      for (const event of events) {
        const other = byId.get(event.id);
        if (other === undefined || event.acceptedAt > other.acceptedAt) byId.set(event.id, event);
      }
      return [...byId.values()].sort((a, b) => (a.acceptedAt < b.acceptedAt ? -1 : 1));
    };
    const sumOf = (events: readonly Stamped[]) =>
      events.reduce((sum, { acceptedAt }) => sum + acceptedAt, 0n);
    const expectedOf = ({ aggregateId, events, projectedAfter }: History): readonly Expected[] => {
      const folded = distinct(events.slice(0, projectedAfter));
      const stored = distinct(events);
      const more = stored.length > folded.length;
      if (!more && sumOf(stored) === sumOf(folded)) return [];
      const laggingSince = stored[more ? folded.length : stored.length - 1]?.acceptedAt ?? 0n;
      return [{ aggregateId, storedEvents: stored.length, projectedEvents: folded.length, laggingSince }];
    };
    // Many histories at a time, a tenant each: a look takes longer than all that leads to it.
    const runArbitrary = fc.tuple(
      fc.array(historyArbitrary, { minLength: 10, maxLength: 10 }),
      fc.integer({ min: 5, max: 60 }),
    );
    await fc.assert(
      fc.asyncProperty(runArbitrary, async ([histories, limit]) => {
        const tenants = histories.map((history) => ({ tenantId: newTenant(), history }));
        await Promise.all(
          tenants.flatMap(({ tenantId, history }) =>
            history.map(async ({ aggregateId, events, projectedAfter }) => {
              const before = events.slice(0, projectedAfter);
              await store(tenantId, aggregateId, ...before);
              if (before.length > 0) await project(tenantId, aggregateId, ...distinct(before));
              await store(tenantId, aggregateId, ...events);
            }),
          ),
        );
        const found = await look(
          tenants.map(({ tenantId }) => tenantId),
          { limit },
        );
        for (const { tenantId, history } of tenants) {
          const mine = found.filter((one) => one.tenantId === tenantId);
          expect(
            mine.map(({ aggregateId, storedEvents, projectedEvents, laggingSince }) => ({
              aggregateId,
              storedEvents,
              projectedEvents,
              laggingSince,
            })),
          ).toEqual(history.flatMap(expectedOf).sort((a, b) => (a.aggregateId < b.aggregateId ? -1 : 1)));
        }
      }),
      { numRuns: contract.numRuns ?? 4 },
    );
  }, 120_000);

  it("keeps tenants and ids apart, whatever they hold", async () => {
    const tenantIds = [...hostileTenantIds, `${randomUUID()}`].map((id) => parseTenantId(id));
    const acceptedAt = agoMs(HOUR_MS);
    const covered = (tenant: number, id: number) => (tenant + id) % 2 === 0;
    const some = hostileIds.filter((_, i) => i % 3 === 0);
    const expected: string[] = [];
    for (const [t, tenantId] of tenantIds.entries()) {
      // All ids in the first tenant, the same few in the others.
      const ids = t === 0 ? hostileIds : some.slice(t % some.length, (t % some.length) + 2);
      await Promise.all(
        ids.map(async (aggregateId, i) => {
          await store(tenantId, aggregateId, { id: "1", acceptedAt });
          if (covered(t, i)) await project(tenantId, aggregateId, { id: "1", acceptedAt });
        }),
      );
      expected.push(...ids.filter((_, i) => !covered(t, i)).map((id) => JSON.stringify([tenantId, id])));
    }
    const found = await look(tenantIds, { limit: 60 });
    const refs = found.map(({ tenantId, aggregateId }) => JSON.stringify([tenantId, aggregateId]));
    expect([...refs].sort()).toEqual(expected.sort());
  }, 60_000);

  it.each([{ acceptedWithinMs: -1 }, { acceptedWithinMs: 0.5 }, { graceMs: Number.NaN }, { limit: 0 }])(
    "refuses %o",
    async (options) => {
      await expect(harness.source.listLagging(options)).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
    },
  );

  it.each(["", "x", "1.", "1.bnVsbA"])("refuses the cursor %j", async (cursor) => {
    await expect(harness.source.listLagging({ cursor })).rejects.toMatchObject({ code: "INVALID_CURSOR" });
  });
}
