import type { AggregateRef } from "@es/core";
import { parseTenantId } from "@es/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DeadLetter } from "../deadLetters/deadLetters.js";
import type { Lease, Leases } from "../leases/leases.js";
import type { LaggingAggregate, LagSource, ListLaggingOptions } from "./lagSource.js";
import { type Look, Reconciler, startReconciler } from "./reconciler.js";
import { scheduleLagging } from "./scheduleLagging.js";

const tenantId = parseTenantId("acme");
const lagging = (aggregateId: string, lagMs = 0): LaggingAggregate => ({
  tenantId,
  aggregateId,
  storedEvents: 1,
  projectedEvents: 0,
  laggingSince: 1n,
  lagMs,
});

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

/** A source that remembers what it was asked, and gives one page of `found`. */
function recordingSource(found: (look: number) => readonly LaggingAggregate[] = () => []) {
  const asked: ListLaggingOptions[] = [];
  const source: LagSource = {
    async listLagging(options = {}) {
      asked.push(options);
      return { items: found(asked.length), nextCursor: null };
    },
  };
  return { source, asked };
}

/** Pages of what lags, the first with the cursor "1". */
function pagedSource(...pages: readonly (readonly LaggingAggregate[])[]): LagSource {
  return {
    async listLagging({ cursor = "0" } = {}) {
      const next = Number(cursor) + 1;
      return { items: pages[next - 1] ?? [], nextCursor: next < pages.length ? String(next) : null };
    },
  };
}

describe("scheduleLagging", () => {
  it("schedules what lags, page by page, empty ones included", async () => {
    const queue = recordingQueue();
    const source = pagedSource([lagging("a", 5), lagging("b", 70)], [], [lagging("c", 20)]);
    expect(await scheduleLagging(source, queue)).toEqual({
      lagging: 3,
      scheduled: 3,
      oldestLagMs: 70,
      complete: true,
    });
    expect(queue.scheduled).toEqual(["a", "b", "c"]);
  });

  it("schedules nothing but refs", async () => {
    const schedule = vi.fn(async () => undefined);
    await scheduleLagging(pagedSource([lagging("a")]), { schedule });
    expect(schedule).toHaveBeenCalledWith([{ tenantId, aggregateId: "a" }]);
  });

  it("stops between pages when asked", async () => {
    const stopping = new AbortController();
    const source = pagedSource([lagging("a")], [lagging("b")]);
    const queue = recordingQueue();
    const stop: typeof queue.schedule = async (refs) => {
      await queue.schedule(refs);
      stopping.abort();
    };
    const result = await scheduleLagging(source, { schedule: stop }, { signal: stopping.signal });
    expect(result).toEqual({ lagging: 1, scheduled: 1, oldestLagMs: 0, complete: false });
  });
});

describe("scheduleLagging, of what is parked", () => {
  const hour = 3_600_000;
  const letter = (fields: Partial<DeadLetter>): DeadLetter => ({
    id: "1",
    ref: { tenantId, aggregateId: "a" },
    errorClass: "poison",
    code: "HANDLER_FAILED",
    reason: "no",
    eventCount: 3,
    attempts: 3,
    firstFailedAt: Date.now() - 2 * hour,
    lastFailedAt: Date.now() - 1_000,
    ...fields,
  });
  const scheduledOf = async (
    parked: Partial<DeadLetter>,
    storedEvents: number,
    retryParkedAfterMs?: number,
  ) => {
    const { schedule, scheduled } = recordingQueue();
    const deadLetters = {
      findByRefs: async (refs: readonly AggregateRef[]) =>
        refs.map(({ aggregateId }) => (aggregateId === "a" ? letter(parked) : null)),
    };
    const source = pagedSource([{ ...lagging("a", 70), storedEvents }, lagging("b", 5)]);
    const result = await scheduleLagging(
      source,
      { schedule, deadLetters },
      retryParkedAfterMs === undefined ? {} : { retryParkedAfterMs },
    );
    expect(result).toMatchObject({ lagging: 2, scheduled: scheduled.length });
    return { scheduled, oldestLagMs: result.oldestLagMs };
  };

  it("leaves alone what would fail again", async () => {
    const left = { scheduled: ["b"], oldestLagMs: 5 };
    expect(await scheduledOf({}, 3)).toEqual(left);
    expect(await scheduledOf({ errorClass: "permanent", code: "STORE_SCHEMA_MISMATCH" }, 3)).toEqual(left);
    expect(await scheduledOf({ eventCount: null }, 9)).toEqual(left);
  });

  it("schedules what failed for a reason that passes, what has more events now, and what was tried long ago", async () => {
    const all = { scheduled: ["a", "b"], oldestLagMs: 70 };
    expect(await scheduledOf({ errorClass: "transient" }, 3)).toEqual(all);
    expect(await scheduledOf({}, 4)).toEqual(all);
    expect(await scheduledOf({ lastFailedAt: Date.now() - hour }, 3)).toEqual(all);
    expect(await scheduledOf({}, 3, 1_000)).toEqual(all);
    expect(await scheduledOf({ eventCount: null }, 3, 0)).toEqual(all);
  });
});

describe("Reconciler.look", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const options = { overlapMs: 1_000, graceMs: 50, everythingEveryMs: 100_000 };

  it("covers everything at first, without grace, then what was accepted since the last look began", async () => {
    const { source, asked } = recordingSource();
    const reconciler = new Reconciler({ source, queue: recordingQueue(), ...options });
    const first = await reconciler.look();
    vi.advanceTimersByTime(300);
    const second = await reconciler.look();
    expect(asked).toEqual([{ graceMs: 0 }, { graceMs: 50, acceptedWithinMs: 1_300 }]);
    expect([first.everything, second.everything]).toEqual([true, false]);
  });

  it("reaches back to the oldest that lagged, for the queue may have lost it again", async () => {
    const { source, asked } = recordingSource((look) => (look < 3 ? [lagging("a", 7_000 * look)] : []));
    const reconciler = new Reconciler({ source, queue: recordingQueue(), ...options });
    for (let look = 1; look <= 4; look++) {
      await reconciler.look();
      vi.advanceTimersByTime(300);
    }
    expect(asked.map(({ acceptedWithinMs }) => acceptedWithinMs)).toEqual([undefined, 8_300, 15_300, 1_350]);
  });

  it("covers what the last look left out as just being processed, however long the grace", async () => {
    const { source, asked } = recordingSource();
    const reconciler = new Reconciler({ source, queue: recordingQueue(), ...options, graceMs: 60_000 });
    await reconciler.look();
    await reconciler.look();
    vi.advanceTimersByTime(300);
    await reconciler.look();
    await reconciler.look({ graceMs: 90_000 });
    await reconciler.look();
    expect(asked.map(({ acceptedWithinMs }) => acceptedWithinMs)).toEqual([
      undefined,
      1_000,
      61_300,
      61_000,
      91_000,
    ]);
  });

  it("covers again what a look that failed or was stopped should have", async () => {
    let failing = false;
    const { source, asked } = recordingSource(() => {
      if (failing) throw new Error("the store is down");
      return [];
    });
    const reconciler = new Reconciler({ source, queue: recordingQueue(), ...options });
    failing = true;
    await expect(reconciler.look()).rejects.toThrow("the store is down");
    failing = false;
    await reconciler.look();
    vi.advanceTimersByTime(300);
    failing = true;
    await expect(reconciler.look()).rejects.toThrow("the store is down");
    failing = false;
    vi.advanceTimersByTime(300);
    await reconciler.look();
    expect(asked.map(({ acceptedWithinMs }) => acceptedWithinMs)).toEqual([
      undefined,
      undefined,
      1_300,
      1_600,
    ]);
  });

  it("covers everything now and then, and when told to", async () => {
    const { source, asked } = recordingSource();
    const reconciler = new Reconciler({ source, queue: recordingQueue(), ...options });
    await reconciler.look();
    await reconciler.look();
    await reconciler.look({ everything: true, graceMs: 3 });
    vi.advanceTimersByTime(100_000);
    await reconciler.look();
    await reconciler.look();
    expect(asked).toEqual([
      { graceMs: 0 },
      { graceMs: 50, acceptedWithinMs: 1_000 },
      { graceMs: 3 },
      { graceMs: 50 },
      { graceMs: 50, acceptedWithinMs: 1_050 },
    ]);
  });

  it.each(["intervalMs", "overlapMs", "everythingEveryMs", "graceMs"])("refuses a wrong %s", (option) => {
    const { source } = recordingSource();
    expect(() => new Reconciler({ source, queue: recordingQueue(), [option]: -1 })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTIONS" }),
    );
  });
});

/** One holder at a time, for as long as a test wants. */
class TestLeases implements Pick<Leases, "acquire"> {
  holder: Lease | null = null;
  readonly calls: string[] = [];
  failure: Error | null = null;

  async acquire(name: string, durationMs: number): Promise<Lease | null> {
    this.calls.push(name);
    if (this.failure !== null) throw this.failure;
    if (this.holder !== null) return null;
    const lease: Lease = {
      name,
      renew: async () => this.holder === lease,
      release: async () => {
        if (this.holder === lease) this.holder = null;
      },
    };
    this.holder = lease;
    expect(durationMs).toBeGreaterThan(0);
    return lease;
  }
}

describe("startReconciler", () => {
  const waiting = { timeout: 20_000, interval: 1 };
  const running: Reconciler[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((reconciler) => reconciler.stop()));
    vi.useRealTimers();
  });
  const start: typeof startReconciler = (options) => {
    const reconciler = startReconciler(options);
    running.push(reconciler);
    return reconciler;
  };

  it("looks at once and again at the interval, also after a look failed", async () => {
    const { source } = recordingSource((look) => {
      if (look === 1) throw new Error("the store is down");
      return [lagging("a")];
    });
    const queue = recordingQueue();
    const errors: unknown[] = [];
    const looks: Look[] = [];
    start({
      source,
      queue,
      intervalMs: 1,
      onLook: (look) => looks.push(look),
      onError: (error) => errors.push(error),
    });
    await vi.waitFor(() => expect(looks.length).toBeGreaterThanOrEqual(3), waiting);
    expect(errors).toHaveLength(1);
    expect(queue.scheduled[0]).toBe("a");
    expect(looks[0]).toMatchObject({ lagging: 1, scheduled: 1, everything: true, complete: true });
    expect(looks[1]).toMatchObject({ everything: false });
  });

  it("looks once when the interval is 0, and not after it is stopped", async () => {
    const { source, asked } = recordingSource();
    const once = start({ source, queue: recordingQueue(), intervalMs: 0 });
    await once.stop();
    once.start();
    expect(asked).toHaveLength(1);
  });

  it("leaves it to the one that has its turn, and takes over when that one is gone", async () => {
    const leases = new TestLeases();
    const one = recordingSource();
    const other = recordingSource();
    const queue = recordingQueue();
    const interval = { intervalMs: 20, queue, leases };
    start({ source: one.source, ...interval });
    await vi.waitFor(() => expect(one.asked).toHaveLength(1), waiting);
    // It keeps its turn after the look.
    start({ source: other.source, ...interval });
    await vi.waitFor(() => expect(leases.calls.length).toBeGreaterThan(5), waiting);
    expect(one.asked.length + other.asked.length).toBe(1);
    await running[0]?.stop();
    leases.holder = null;
    await vi.waitFor(() => expect(other.asked).toHaveLength(1), waiting);
    expect(new Set(leases.calls)).toEqual(new Set(["reconcile projections"]));
  });

  it("gives its turn to another when its look fails", async () => {
    const leases = new TestLeases();
    const { source } = recordingSource(() => {
      throw new Error("the store is down");
    });
    const errors: unknown[] = [];
    start({
      source,
      queue: recordingQueue(),
      leases,
      intervalMs: 60_000,
      onError: (error) => errors.push(error),
    });
    await vi.waitFor(() => expect(errors).toHaveLength(1), waiting);
    await vi.waitFor(() => expect(leases.holder).toBeNull(), waiting);
  });

  it("looks all the same while leases cannot be asked for", async () => {
    const leases = new TestLeases();
    leases.failure = new Error("Redis is down");
    const { source, asked } = recordingSource();
    const errors: unknown[] = [];
    const interval = { queue: recordingQueue(), leases, intervalMs: 1 };
    start({ source, ...interval, onError: (error) => errors.push(error) });
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2), waiting);
    expect(errors[0]).toBe(leases.failure);
  });

  it("looks 3 s after an engine is back, at what lags however shortly, once for many calls", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const leases = new TestLeases();
    const { source, asked } = recordingSource();
    const reconciler = start({ source, queue: recordingQueue(), leases, intervalMs: 30_000, graceMs: 5_000 });
    await vi.advanceTimersByTimeAsync(1_000);
    // The turn is taken, by this one or another; a look after an outage does not wait for it.
    expect(leases.holder).not.toBeNull();
    leases.holder = null;
    for (let call = 0; call < 5; call++) reconciler.lookSoon();
    await vi.advanceTimersByTimeAsync(2_900);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatchObject({ graceMs: 0 });
    expect(leases.calls).toEqual(["reconcile projections", "reconcile projections after an outage"]);
  });

  it("leaves the look after an outage to one of all who notice it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const leases = new TestLeases();
    const sources = Array.from({ length: 8 }, () => recordingSource());
    const reconcilers = sources.map(({ source }) =>
      start({ source, queue: recordingQueue(), leases, intervalMs: 30_000 }),
    );
    const looks = () => sources.reduce((sum, { asked }) => sum + asked.length, 0);
    await vi.advanceTimersByTimeAsync(100);
    expect(looks()).toBe(1);
    leases.holder = null;
    for (const reconciler of reconcilers) reconciler.lookSoon();
    await vi.advanceTimersByTimeAsync(4_000);
    expect(looks()).toBe(2);
  });

  it("looks 3 s after it starts, too, where another keeps the turn: it may have started because something was mended", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const leases = new TestLeases();
    // The turn of a process that ended, kept for the interval.
    const kept = {
      acquire: async (name: string, durationMs: number) =>
        name === "reconcile projections" ? null : leases.acquire(name, durationMs),
    };
    const sources = Array.from({ length: 5 }, () => recordingSource(() => [lagging("a")]));
    const queue = recordingQueue();
    for (const { source } of sources) start({ source, queue, leases: kept, intervalMs: 60_000 });
    await vi.advanceTimersByTimeAsync(2_900);
    expect(queue.scheduled).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(queue.scheduled).toEqual(["a"]);
    expect(sources.flatMap(({ asked }) => asked)).toMatchObject([{ graceMs: 0 }]);
    // Afterwards each waits for the turn.
    await vi.advanceTimersByTimeAsync(50_000);
    expect(queue.scheduled).toEqual(["a"]);
  });

  it("tries again 5 s after a look failed, then less and less often, up to the interval", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { source, asked } = recordingSource(() => {
      throw new Error("the store is down");
    });
    start({ source, queue: recordingQueue(), intervalMs: 30_000 });
    const counts: number[] = [];
    for (let second = 0; second < 100; second += 5) {
      await vi.advanceTimersByTimeAsync(second === 0 ? 4_900 : 5_000);
      counts.push(asked.length);
    }
    // At 0, 5, 15, 35, 65 and 95 s.
    expect(counts).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5, 6]);
  });
});
