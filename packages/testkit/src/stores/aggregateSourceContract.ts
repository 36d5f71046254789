import {
  type AggregateRef,
  type AggregateSelection,
  type AggregateSource,
  type Event,
  type EventStore,
  type Page,
  parseTenantId,
} from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ContractEvent, contractEvent, TEST_EPOCH } from "../events/contractEvent.js";
import { hostileIds, hostileTenantIds } from "../hostileIds.js";

export interface AggregateSourceHarness<TEvent extends Event> {
  readonly store: EventStore<string, TEvent>;
  readonly source: AggregateSource;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface AggregateSourceContract<
  TEvent extends Event,
  THarness extends AggregateSourceHarness<TEvent>,
> {
  /** Names the implementation in the test report. */
  readonly name: string;
  /** Empty. */
  setUp(): THarness | Promise<THarness>;
  /** Brings about what the store otherwise does in its own time, such as merges. Given, the suite runs twice. */
  settle?(harness: THarness): Promise<void>;
  /** For a store of events of its own kind, see `eventStoreContract`. @default as given */
  makeEvent?(event: ContractEvent): TEvent;
  /** Runs of each property test. @default 30 */
  readonly numRuns?: number;
}

/** Tests every promise of `AggregateSource`. Call it at the top of a test file, once per implementation. */
export function aggregateSourceContract<
  TEvent extends Event = ContractEvent,
  THarness extends AggregateSourceHarness<TEvent> = AggregateSourceHarness<TEvent>,
>(contract: AggregateSourceContract<TEvent, THarness>): void {
  describe(`${contract.name} keeps the promises of an AggregateSource`, () => suite(contract, false));
  if (contract.settle === undefined) return;
  describe(`${contract.name} keeps the promises of an AggregateSource, settled before every read`, () => {
    suite(contract, true);
  });
}

const tenants = hostileTenantIds.map(parseTenantId);
const ids = hostileIds;
/** Accepted one second after the other. */
const SECOND = 1_000_000_000n;

function suite<TEvent extends Event, THarness extends AggregateSourceHarness<TEvent>>(
  contract: AggregateSourceContract<TEvent, THarness>,
  settled: boolean,
): void {
  let harness: THarness;
  let source: AggregateSource;
  /** Every stored aggregate, with when its events were accepted, in seconds. */
  let stored: readonly { readonly ref: AggregateRef; readonly seconds: readonly number[] }[];

  beforeAll(async () => {
    harness = await contract.setUp();
    source = harness.source;
    // The same ids in several tenants; event times that say nothing about when they were accepted.
    stored = tenants.flatMap((tenantId, tenant) =>
      (tenant < 2 ? ids : ids.slice(tenant % ids.length, (tenant % ids.length) + 3)).map(
        (aggregateId, place) => ({
          ref: { tenantId, aggregateId },
          seconds: [(tenant * 7 + place) % 20, (tenant * 7 + place * 3) % 20],
        }),
      ),
    );
    for (const tenantId of tenants) {
      const events = stored
        .filter(({ ref }) => ref.tenantId === tenantId)
        .flatMap(({ ref, seconds }) =>
          seconds.map((second, place) =>
            contractEvent({
              id: String(place),
              aggregateId: ref.aggregateId,
              occurredAt: TEST_EPOCH,
              acceptedAt: TEST_EPOCH + BigInt(second) * SECOND,
            }),
          ),
        );
      const made = events.map((event) => contract.makeEvent?.(event) ?? (event as unknown as TEvent));
      await harness.store.storeEvents(made, { tenantId });
      // Sent again: listed once all the same.
      await harness.store.storeEvents(made.slice(0, 5), { tenantId });
    }
    if (settled) await contract.settle?.(harness);
  });
  afterAll(async () => {
    await harness?.tearDown?.();
  });

  const numRuns = contract.numRuns ?? 30;

  function expected(selection: AggregateSelection): AggregateRef[] {
    const at = (second: number) => TEST_EPOCH + BigInt(second) * SECOND;
    return stored
      .filter(
        ({ ref, seconds }) =>
          (selection.tenantId === undefined || ref.tenantId === selection.tenantId) &&
          selection.aggregateIds?.includes(ref.aggregateId) !== false &&
          seconds.some(
            (second) =>
              at(second) >= (selection.acceptedFrom ?? 0n) &&
              at(second) < (selection.acceptedTo ?? 2n ** 64n),
          ),
      )
      .map(({ ref }) => ref)
      .sort((a, b) => compare(a.tenantId, b.tenantId) || compare(a.aggregateId, b.aggregateId));
  }

  async function listAll(selection: AggregateSelection, limit: number): Promise<AggregateRef[]> {
    const listed: AggregateRef[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<AggregateRef> = await source.listAggregates(selection, {
        limit,
        ...(cursor === null ? {} : { cursor }),
      });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      if (page.nextCursor !== null) expect(page.items.length).toBe(limit);
      listed.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return listed;
  }

  it("lists every aggregate of every tenant once, in order, page by page", async () => {
    expect(await listAll({}, 17)).toEqual(expected({}));
    expect(await source.countAggregates({})).toBe(stored.length);
  });

  it("selects by tenant, ids and when events were accepted, all at once", async () => {
    const selection = fc.record(
      {
        tenantId: fc.constantFrom(...tenants, parseTenantId("nobody")),
        aggregateIds: fc.uniqueArray(fc.constantFrom(...ids, "nothing"), { minLength: 1, maxLength: 5 }),
        acceptedFrom: fc.integer({ min: -2, max: 22 }).map((second) => TEST_EPOCH + BigInt(second) * SECOND),
        acceptedTo: fc.integer({ min: -2, max: 22 }).map((second) => TEST_EPOCH + BigInt(second) * SECOND),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(selection, fc.integer({ min: 1, max: 40 }), async (chosen, limit) => {
        const wanted = expected(chosen);
        expect((await source.listAggregates(chosen, { limit })).items).toEqual(wanted.slice(0, limit));
        expect(await source.countAggregates(chosen)).toBe(wanted.length);
      }),
      { numRuns },
    );
  });

  it("takes any bounds of the accepted range", async () => {
    expect(await listAll({ acceptedFrom: -1n, acceptedTo: 2n ** 70n }, 1_000)).toEqual(expected({}));
    expect(await listAll({ acceptedFrom: 2n ** 64n }, 10)).toEqual([]);
    expect(await listAll({ acceptedTo: 0n }, 10)).toEqual([]);
    expect(await source.countAggregates({ acceptedTo: -1n })).toBe(0);
  });

  it("goes on after a cursor although aggregates were added before it", async () => {
    const first = await source.listAggregates({}, { limit: 10 });
    const { tenantId } = expected({})[0] as AggregateRef;
    const aggregateId = "\u0000\u0000added";
    const event = contractEvent({ aggregateId, acceptedAt: TEST_EPOCH });
    await harness.store.storeEvents([contract.makeEvent?.(event) ?? (event as unknown as TEvent)], {
      tenantId,
    });
    const { items } = await source.listAggregates({}, { limit: 10, cursor: first.nextCursor ?? "" });
    expect(items).toEqual(expected({}).slice(10, 20));
    expect(await source.listAggregates({ tenantId, aggregateIds: [aggregateId] })).toEqual({
      items: [{ tenantId, aggregateId }],
      nextCursor: null,
    });
  });

  it("refuses a cursor it did not give, and a limit there cannot be", async () => {
    await expect(source.listAggregates({}, { cursor: "x" })).rejects.toMatchObject({
      code: "INVALID_CURSOR",
    });
    await expect(source.listAggregates({}, { limit: 0 })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  });
}

/** By UTF-8 bytes. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
