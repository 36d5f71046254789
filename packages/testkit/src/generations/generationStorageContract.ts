import { randomUUID } from "node:crypto";
import {
  type AggregateRef,
  makeProjectionVersion,
  type ProjectionStore,
  parseTenantId,
  type TenantId,
} from "@es/core";
import type { GenerationSample, GenerationStorage } from "@es/processing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostileIds } from "../hostileIds.js";

export interface GenerationStorageHarness<TProjection> {
  readonly storage: Omit<GenerationStorage, "storeOf"> & {
    storeOf(generation: number): ProjectionStore<string, TProjection>;
  };
  /** Brings about what the stores otherwise do in their own time, such as merges. */
  settle?(): Promise<void>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface GenerationStorageContract<TProjection> {
  /** Names the implementation in the test report. */
  readonly name: string;
  /** Nothing is prepared, and nothing stored. */
  setUp(): GenerationStorageHarness<TProjection> | Promise<GenerationStorageHarness<TProjection>>;
  /** Any projection, another for each number. */
  makeProjection(number: number, aggregateId: string): TProjection;
}

/** Tests every promise of `GenerationStorage` but what lags. Call it at the top of a test file. */
export function generationStorageContract<TProjection>(
  contract: GenerationStorageContract<TProjection>,
): void {
  describe(`${contract.name} keeps the promises of a GenerationStorage`, () => {
    let harness: GenerationStorageHarness<TProjection>;
    let storage: GenerationStorageHarness<TProjection>["storage"];
    beforeAll(async () => {
      harness = await contract.setUp();
      storage = harness.storage;
      // Several processes begin, and one of them again later.
      await Promise.all([1, 2, 3, 2].map((generation) => storage.prepare(generation)));
      await storage.prepare(2);
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });

    const newTenant = () => parseTenantId(`tenant-${randomUUID()}`);
    async function put(generation: number, tenantId: TenantId, ids: readonly string[], revision = 0) {
      const version = makeProjectionVersion({
        eventCount: 1,
        acceptedSum: 1n,
        handlerVersion: generation,
        revision,
      });
      await storage.storeOf(generation).storeProjections(
        ids.map((aggregateId) => ({
          aggregateId,
          version,
          projection: contract.makeProjection(generation, aggregateId),
          metadata: { eventCount: 1, firstEventTimestamp: null, lastEventTimestamp: null },
        })),
        { tenantId },
      );
    }
    async function sampled(
      generations: readonly [number, number],
      sample: GenerationSample,
      tenants: readonly TenantId[],
    ): Promise<readonly string[]> {
      const refs: AggregateRef[] = [];
      for await (const ref of storage.sample(generations, sample)) refs.push(ref);
      return refs
        .filter(({ tenantId }) => tenants.includes(tenantId))
        .map(({ tenantId, aggregateId }) => JSON.stringify([tenantId, aggregateId]));
    }
    const names = (tenantId: TenantId, ids: readonly string[]) =>
      ids.map((id) => JSON.stringify([tenantId, id]));
    const idsOf = (count: number) => Array.from({ length: count }, (_, i) => `id-${i}`);

    it("keeps each generation's projections of the same ids, before and after merges", async () => {
      const tenantId = newTenant();
      for (const generation of [1, 2, 3]) await put(generation, tenantId, ["a", "b"]);
      for (const settles of [false, true]) {
        if (settles) await harness.settle?.();
        for (const generation of [1, 2, 3]) {
          const read = await storage.storeOf(generation).getProjections(["a", "b"], { tenantId });
          for (const id of ["a", "b"]) {
            expect(read.get(id)).toMatchObject({
              status: "found",
              record: { projection: contract.makeProjection(generation, id) },
            });
          }
        }
      }
    });

    it("lists what is in either of two generations, each ref once, whatever its versions and ids", async () => {
      const [one, other] = [newTenant(), newTenant()];
      await put(1, one, ["in both", "in the first"]);
      await put(1, one, ["in both"], 1);
      await put(2, one, ["in both", "in the second"]);
      await put(3, one, ["in the third"]);
      await put(2, other, hostileIds);
      const expected = [
        ...names(one, ["in both", "in the first", "in the second"]),
        ...names(other, hostileIds),
      ];
      expect([...(await sampled([1, 2], "all", [one, other]))].sort()).toEqual(expected.sort());
      expect([...(await sampled([2, 2], "all", [one]))].sort()).toEqual(
        names(one, ["in both", "in the second"]),
      );
    });

    it("lists more than fits a page", async () => {
      const tenantId = newTenant();
      await put(1, tenantId, idsOf(1_500));
      await put(2, tenantId, idsOf(1_200));
      const all = await sampled([1, 2], "all", [tenantId]);
      expect([...all].sort()).toEqual(names(tenantId, idsOf(1_500)).sort());
    });

    it("chooses the same by the same seed, others by another, and no more than it is asked for", async () => {
      const tenantId = newTenant();
      await put(1, tenantId, idsOf(300));
      await put(2, tenantId, idsOf(300));
      // Versions that are not merged yet must not take the places of others.
      for (let revision = 1; revision <= 5; revision++) await put(1, tenantId, idsOf(20), revision);
      const everyone = await sampled([1, 2], { size: 100_000, seed: 7 }, [tenantId]);
      expect([...everyone].sort()).toEqual(names(tenantId, idsOf(300)).sort());
      // Of a larger sample by the same seed it is the beginning.
      for (const size of [10, 100]) {
        const refs: AggregateRef[] = [];
        for await (const ref of storage.sample([1, 2], { size, seed: 7 })) refs.push(ref);
        expect(refs).toHaveLength(size);
      }
      const some = await sampled([1, 2], { size: 600, seed: 7 }, [tenantId]);
      expect(some).toEqual(everyone.slice(0, some.length));
      expect(await sampled([1, 2], { size: 600, seed: 7 }, [tenantId])).toEqual(some);
      expect(await sampled([1, 2], { size: 100_000, seed: 8 }, [tenantId])).not.toEqual(everyone);
    });

    it("drops a generation, and nothing of another", async () => {
      const tenantId = newTenant();
      for (const generation of [1, 2, 3]) await put(generation, tenantId, ["a"]);
      await storage.drop(3);
      await storage.drop(3);
      const stateIn = async (generation: number) =>
        (await storage.storeOf(generation).getProjections(["a"], { tenantId })).get("a")?.status;
      expect([await stateIn(1), await stateIn(2), await stateIn(3)]).toEqual(["found", "found", "absent"]);
      expect(await sampled([3, 3], "all", [tenantId])).toEqual([]);
    });
  });
}
