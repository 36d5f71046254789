import { describe, expect, it, vi } from "vitest";
import type { AggregateRef } from "../events/aggregateRef.js";
import { parseTenantId } from "../tenancy/tenantId.js";
import { type LagSource, reconcile, startReconciler } from "./reconciler.js";

const tenantId = parseTenantId("acme");
const refs = (...ids: string[]): AggregateRef[] => ids.map((aggregateId) => ({ tenantId, aggregateId }));

/** A queue that remembers what it was told. */
function recordingQueue() {
  const scheduled: string[] = [];
  return {
    scheduled,
    async schedule(items: readonly AggregateRef[]) {
      scheduled.push(...items.map((item) => item.aggregateId));
    },
  };
}

describe("reconcile", () => {
  it("schedules what lags, page by page", async () => {
    const source: LagSource = {
      async listLagging(_since, { cursor } = {}) {
        return cursor === undefined
          ? { items: refs("a", "b"), nextCursor: "after b" }
          : { items: refs("c"), nextCursor: null };
      },
    };
    const queue = recordingQueue();
    expect(await reconcile(source, queue)).toBe(3);
    expect(queue.scheduled).toEqual(["a", "b", "c"]);
  });

  it("stops between pages when asked", async () => {
    const stopping = new AbortController();
    const source: LagSource = {
      async listLagging() {
        stopping.abort();
        return { items: refs("a"), nextCursor: "more" };
      },
    };
    expect(await reconcile(source, recordingQueue(), { signal: stopping.signal })).toBe(1);
  });
});

describe("startReconciler", () => {
  it("covers everything until a look succeeds, then what is recent", async () => {
    const sinces: bigint[] = [];
    const source: LagSource = {
      async listLagging(since) {
        sinces.push(since);
        if (sinces.length === 1) throw new Error("the store is down");
        return { items: refs("a"), nextCursor: null };
      },
    };
    const queue = recordingQueue();
    const errors: unknown[] = [];
    const before = BigInt(Date.now()) * 1_000_000n;
    const reconciler = startReconciler({
      source,
      queue,
      intervalMs: 1,
      overlapMs: 60_000,
      onError: (error) => errors.push(error),
    });
    await vi.waitFor(() => expect(sinces.length).toBeGreaterThanOrEqual(3));
    await reconciler.stop();
    expect(errors).toHaveLength(1);
    expect(sinces.slice(0, 2)).toEqual([0n, 0n]);
    expect(sinces[2]).toBeGreaterThanOrEqual(before - 60_000_000_000n);
    expect(queue.scheduled[0]).toBe("a");
  });

  it("looks once when the interval is 0, and not after it is stopped", async () => {
    let looks = 0;
    const source: LagSource = {
      async listLagging() {
        looks++;
        return { items: [], nextCursor: null };
      },
    };
    const once = startReconciler({ source, queue: recordingQueue(), intervalMs: 0 });
    await once.stop();
    expect(looks).toBe(1);
  });
});
