import { parseTenantId } from "@es/core";
import {
  isReplayOpen,
  type Replay,
  type ReplayControl,
  type ReplayDefinition,
  type ReplayProgress,
  type ReplayStore,
} from "@es/processing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostileIds } from "../hostileIds.js";

export interface ReplayStoreHarness {
  readonly store: ReplayStore;
  /** A store of another kind of projection on the same engine. */
  readonly other?: ReplayStore;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface ReplayStoreContract<THarness extends ReplayStoreHarness> {
  /** Names the implementation in the test report. */
  readonly name: string;
  setUp(): THarness | Promise<THarness>;
  /** Brings about what the store otherwise does in its own time, such as merges, between every write and read. */
  settle?(harness: THarness): Promise<void>;
  /** Runs of each property test. @default 20 */
  readonly numRuns?: number;
}

let made = 0;

function definition(change: Partial<ReplayDefinition> = {}): ReplayDefinition {
  const createdAt = 1_700_000_000_000 + ++made;
  return { id: `replay-${createdAt}`, selection: {}, force: false, createdAt, ...change };
}

function control(change: Partial<ReplayControl> = {}): ReplayControl {
  return { revision: 1, desired: "running", ratePerSecond: 200, ...change };
}

function progress(change: Partial<ReplayProgress> = {}): ReplayProgress {
  return {
    revision: 1,
    cursor: null,
    total: 10,
    rebuilt: 0,
    empty: 0,
    failed: 0,
    failures: [],
    startedAt: 1_700_000_000_001,
    updatedAt: 1_700_000_000_002,
    activeMs: 1,
    finishedAt: null,
    stop: null,
    ...change,
  };
}

/** Tests every promise of `ReplayStore`. Call it at the top of a test file, once per implementation. */
export function replayStoreContract<THarness extends ReplayStoreHarness>(
  contract: ReplayStoreContract<THarness>,
): void {
  describe(`${contract.name} keeps the promises of a ReplayStore`, () => {
    let harness: THarness;
    let store: ReplayStore;
    beforeAll(async () => {
      harness = await contract.setUp();
      store = harness.store;
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });

    const settle = async () => contract.settle?.(harness);
    const read = async (id: string): Promise<Replay | null> => {
      await settle();
      return store.getReplay(id);
    };

    it("gives back exactly what was stored, whatever it holds", async () => {
      for (const aggregateId of hostileIds) {
        const made = definition({
          selection: {
            tenantId: parseTenantId("te'na`nt/%:🦊"),
            aggregateIds: [aggregateId, "plain"],
            acceptedFrom: 0n,
            acceptedTo: 2n ** 64n - 1n,
          },
          force: true,
        });
        const wanted = control({ ratePerSecond: 0.25 });
        await store.createReplay(made, wanted);
        const reached = progress({
          cursor: aggregateId,
          total: null,
          rebuilt: 2 ** 53 - 1,
          failed: 1,
          failures: [
            { tenantId: "t", aggregateId, errorClass: "poison", code: "HANDLER_FAILED", reason: aggregateId },
          ],
          stop: { code: "STORE_REJECTED", reason: aggregateId, controlRevision: 1 },
        });
        await store.storeProgress(made.id, reached);
        expect(await read(made.id)).toEqual({ definition: made, control: wanted, progress: reached });
      }
    });

    it("has no progress until some is stored, and nothing for an unknown id", async () => {
      const made = definition();
      await store.createReplay(made, control({ ratePerSecond: null }));
      expect(await read(made.id)).toEqual({
        definition: made,
        control: control({ ratePerSecond: null }),
        progress: null,
      });
      expect(await store.getReplay("replay-of-nobody")).toBeNull();
    });

    it("keeps what operators want apart from how far it is", async () => {
      const made = definition();
      await store.createReplay(made, control());
      await store.storeProgress(made.id, progress({ revision: 7, rebuilt: 7 }));
      await store.storeControl(made.id, control({ revision: 2, desired: "paused" }));
      await store.storeProgress(made.id, progress({ revision: 8, rebuilt: 8 }));
      expect(await read(made.id)).toMatchObject({
        control: { revision: 2, desired: "paused" },
        progress: { revision: 8, rebuilt: 8 },
      });
    });

    it("keeps the greatest revision of each, in whatever order they come", async () => {
      const revisions = fc.shuffledSubarray([1, 2, 3, 9, 10, 11, 100], { minLength: 1 });
      await fc.assert(
        fc.asyncProperty(revisions, revisions, async (controls, progresses) => {
          const made = definition();
          await store.createReplay(made, control());
          for (const revision of controls)
            await store.storeControl(made.id, control({ revision, ratePerSecond: revision }));
          for (const revision of progresses)
            await store.storeProgress(made.id, progress({ revision, rebuilt: revision }));
          const stored = await read(made.id);
          const [wanted, reached] = [Math.max(...controls), Math.max(...progresses)];
          expect(stored?.control.revision).toBe(wanted);
          if (wanted > 1) expect(stored?.control.ratePerSecond).toBe(wanted);
          expect(stored?.progress).toEqual(progress({ revision: reached, rebuilt: reached }));
        }),
        { numRuns: contract.numRuns ?? 20 },
      );
    });

    it("lists the newest first, page by page", async () => {
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) {
        const made = definition();
        ids.push(made.id);
        await store.createReplay(made, control());
        if (i % 2 === 0) await store.storeProgress(made.id, progress());
      }
      await settle();
      const listed = await idsByPage(store, 2);
      expect(listed.slice(0, 5)).toEqual(ids.toReversed());
      expect(listed).toEqual([...listed].sort().reverse());
      await expect(store.listReplays({ cursor: "x" })).rejects.toMatchObject({ code: "INVALID_CURSOR" });
    });

    it("lists each once, page by page, whatever the ids hold", async () => {
      const anyId = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
      const made = new Set([...hostileIds.filter((id) => id.length < 100), ...fc.sample(anyId, 20)]);
      // Sorted below those of the other tests.
      const ids = [...made].map((id) => `paged:${id}`);
      await Promise.all(
        ids.map((id) => store.createReplay(definition({ id }), control({ desired: "cancelled" }))),
      );
      await settle();
      const listed = await idsByPage(store, 9);
      expect(listed.filter((id) => id.startsWith("paged:")).sort()).toEqual(ids.sort());
    });

    it("lists as open exactly those a runner should work on, oldest first", async () => {
      const stop = { code: "STORE_REJECTED", reason: "no", controlRevision: 2 };
      const cases: readonly [ReplayControl, ReplayProgress | null][] = [
        [control(), null],
        [control(), progress()],
        [control({ revision: 2, desired: "paused" }), progress()],
        [control({ revision: 2, desired: "cancelled" }), null],
        [control({ revision: 2 }), progress({ stop })],
        [control({ revision: 3 }), progress({ stop })],
        [control({ revision: 3 }), progress({ finishedAt: 1 })],
        [control({ revision: 3 }), progress({ finishedAt: 1, stop })],
      ];
      const made: Replay[] = [];
      for (const [wanted, reached] of cases) {
        const replay = { definition: definition(), control: wanted, progress: reached };
        made.push(replay);
        await store.createReplay(replay.definition, control());
        if (wanted.revision > 1) await store.storeControl(replay.definition.id, wanted);
        if (reached !== null) await store.storeProgress(replay.definition.id, reached);
      }
      await settle();
      const ids = new Set(made.map((replay) => replay.definition.id));
      const open = (await store.listOpenReplayIds()).filter((id) => ids.has(id));
      expect(open).toEqual(made.filter(isReplayOpen).map((replay) => replay.definition.id));
      expect(open).toHaveLength(3);
    });

    it("does not mix kinds of projections", async () => {
      const { other } = harness;
      if (other === undefined) return;
      const made = definition();
      await store.createReplay(made, control());
      expect(await other.getReplay(made.id)).toBeNull();
      expect(await other.listOpenReplayIds()).toEqual([]);
      expect((await other.listReplays()).items).toEqual([]);
    });
  });
}

/** Returns the ids of all replays in the order of the listing, read in pages of at most `limit`. */
async function idsByPage(store: ReplayStore, limit: number): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<ReplayStore["listReplays"]>> = await store.listReplays({
      limit,
      ...(cursor === null ? {} : { cursor }),
    });
    expect(page.items.length).toBeLessThanOrEqual(limit);
    ids.push(...page.items.map((replay) => replay.definition.id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}
