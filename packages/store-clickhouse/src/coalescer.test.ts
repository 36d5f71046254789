import { EventSourcingError } from "@es/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Coalescer, type CoalescerOptions, type Settled } from "./coalescer.js";
import type { ThrottleState } from "./throttle.js";

interface Item {
  readonly id: number;
  readonly size: number;
  readonly owner?: string;
}

const bad = new EventSourcingError("STORE_REJECTED", "one of them is bad");

/** A round trip that takes a few turns of the event loop, and what it was asked. */
function recorder(poison: ReadonlySet<number> = new Set()) {
  const batches: (readonly Item[])[] = [];
  let underWay = 0;
  let mostUnderWay = 0;
  const run = async (items: readonly Item[]): Promise<readonly Settled<number>[]> => {
    batches.push(items);
    mostUnderWay = Math.max(mostUnderWay, ++underWay);
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
    underWay--;
    if (items.some(({ id }) => poison.has(id))) throw bad;
    return items.map(({ id }) => ({ ok: true, value: id * 10 }));
  };
  return { batches, run, mostUnderWay: () => mostUnderWay };
}

function newCoalescer(options: Partial<CoalescerOptions<Item, number>>) {
  return new Coalescer<Item, number>({
    name: "test",
    maxItems: 10,
    maxBytes: 1_000,
    maxConcurrent: 2,
    lingerMs: 1,
    maxQueuedItems: 1_000,
    maxQueuedBytes: 100_000,
    maxWaitMs: 60_000,
    sizeOf: ({ size }) => size,
    ownerOf: ({ owner }) => owner ?? "",
    mayBeFaultOfOne: (error) => error === bad,
    run: async () => [],
    ...options,
  });
}

const itemsFrom = (start: number, count: number, size = 1): readonly Item[] =>
  Array.from({ length: count }, (_, i) => ({ id: start + i, size }));

const overloaded = new EventSourcingError("STORE_OVERLOADED", "too many parts");

describe("Coalescer before an overloaded store", () => {
  const isOverload = (error: unknown) => error === overloaded;

  it("sends the same batch again until it is taken, fewer at once, and counts what waits", async () => {
    let refusals = 6;
    const seen: string[] = [];
    let underWay = 0;
    let mostLater = 0;
    const states: ThrottleState[] = [];
    const coalescer = newCoalescer({
      maxItems: 2,
      maxConcurrent: 4,
      lingerMs: 0,
      isOverload,
      onThrottle: (state) => states.push(state),
      run: async (items) => {
        underWay++;
        if (states.some(({ concurrency }) => concurrency === 1)) mostLater = Math.max(mostLater, underWay);
        await new Promise(setImmediate);
        underWay--;
        seen.push(items.map(({ id }) => id).join());
        if (refusals-- > 0) throw overloaded;
        return items.map(({ id }) => ({ ok: true, value: id * 10 }));
      },
    });
    const values = await Promise.all(itemsFrom(0, 8).map((item) => coalescer.submit(item)));
    expect(values).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
    expect(new Set(seen)).toEqual(new Set(["0,1", "2,3", "4,5", "6,7"]));
    expect(seen).toHaveLength(4 + 6);
    expect(states[0]).toMatchObject({ concurrency: 2, error: overloaded });
    expect(states.some(({ concurrency }) => concurrency === 1)).toBe(true);
    // Those of the first round were under way already.
    expect(mostLater).toBeLessThan(4);
    expect(states.at(-1)?.error).toBeUndefined();
  });

  it("gives up once a batch has waited too long, saying what the store said", async () => {
    let tries = 0;
    const coalescer = newCoalescer({
      maxWaitMs: 400,
      isOverload,
      run: async () => {
        tries++;
        throw overloaded;
      },
    });
    await expect(coalescer.submit({ id: 1, size: 1 })).rejects.toMatchObject({
      code: "STORE_OVERLOADED",
      cause: overloaded,
      message: expect.stringContaining("too many parts"),
    });
    expect(tries).toBeGreaterThan(1);
  });

  it.each(["isOverload", "mayBeFaultOfOne", "onThrottle"] as const)(
    "leaves no call without an answer, and goes on, where %s throws",
    async (option) => {
      let isWell = false;
      const fault = new TypeError("not a function");
      const coalescer = newCoalescer({
        maxConcurrent: 1,
        isOverload,
        run: async (items) => {
          if (!isWell) throw overloaded;
          return items.map(({ id }) => ({ ok: true, value: id * 10 }));
        },
        [option]: () => {
          if (!isWell) throw fault;
          return false;
        },
      });
      const calls = [coalescer.submitAll(itemsFrom(0, 3)), coalescer.submitAll(itemsFrom(3, 9))];
      for (const outcomes of await Promise.all(calls))
        for (const outcome of outcomes) expect(outcome).toEqual({ ok: false, error: fault });
      isWell = true;
      expect(await coalescer.submit({ id: 7, size: 1 })).toBe(70);
    },
  );

  it("refuses what does not fit the queue meanwhile", async () => {
    let well = false;
    const coalescer = newCoalescer({
      maxItems: 1,
      maxConcurrent: 1,
      maxQueuedItems: 3,
      isOverload,
      run: async (items) => {
        if (!well) throw overloaded;
        return items.map(({ id }) => ({ ok: true, value: id }));
      },
    });
    const first = coalescer.submit({ id: 0, size: 1 });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const outcomes = Promise.allSettled(itemsFrom(1, 10).map((item) => coalescer.submit(item)));
    well = true;
    expect((await outcomes).map(({ status }) => status).sort()).toEqual([
      ...Array.from({ length: 3 }, () => "fulfilled"),
      ...Array.from({ length: 7 }, () => "rejected"),
    ]);
    expect(await first).toBe(0);
  });
});

describe("Coalescer", () => {
  it("makes one round trip of the calls of one turn", async () => {
    const { batches, run } = recorder();
    const coalescer = newCoalescer({ run });
    const values = await Promise.all(itemsFrom(0, 5).map((item) => coalescer.submit(item)));
    expect(values).toEqual([0, 10, 20, 30, 40]);
    expect(batches).toHaveLength(1);
  });

  it("leaves at once when nothing is under way, however long items would wait for company", async () => {
    const { run } = recorder();
    const coalescer = newCoalescer({ run, lingerMs: 2 ** 31 - 1 });
    expect(await coalescer.submit({ id: 1, size: 1 })).toBe(10);
    expect(await coalescer.submit({ id: 2, size: 1 })).toBe(20);
  });

  it("collects what comes while a round trip is under way, and sends it when that ends", async () => {
    const { batches, run } = recorder();
    const coalescer = newCoalescer({ run, lingerMs: 2 ** 31 - 1 });
    const first = coalescer.submit({ id: 0, size: 1 });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    const later = itemsFrom(1, 4).map((item) => coalescer.submit(item));
    await Promise.all([first, ...later]);
    expect(batches.map((batch) => batch.map(({ id }) => id))).toEqual([[0], [1, 2, 3, 4]]);
  });

  it("settles every item once with its own outcome, within the limits, whatever comes", async () => {
    const call = fc.array(fc.record({ size: fc.nat({ max: 60 }), poison: fc.boolean() }), { maxLength: 15 });
    const owners = fc.constantFrom(1, 3, 100);
    await fc.assert(
      fc.asyncProperty(
        fc.array(call, { maxLength: 12 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 3 }),
        owners,
        async (calls, maxItems, maxBytes, maxConcurrent, ownerCount) => {
          let next = 0;
          const poison = new Set<number>();
          const lists = calls.map((list, place) =>
            list.map(({ size, poison: isPoison }) => {
              const id = next++;
              if (isPoison) poison.add(id);
              return { id, size, owner: `${place % ownerCount}` };
            }),
          );
          const { batches, run, mostUnderWay } = recorder(poison);
          const coalescer = newCoalescer({ run, maxItems, maxBytes, maxConcurrent, lingerMs: 0 });
          const settled = await Promise.all(
            lists.map(async (list, i) => {
              if (i % 3 === 0) await new Promise(setImmediate);
              return coalescer.submitAll(list);
            }),
          );
          for (const [i, outcomes] of settled.entries()) {
            expect(outcomes).toEqual(
              lists[i]?.map(({ id }) =>
                poison.has(id) ? { ok: false, error: bad } : { ok: true, value: id * 10 },
              ),
            );
          }
          for (const batch of batches) {
            expect(batch.length).toBeLessThanOrEqual(maxItems);
            if (batch.length > 1) {
              expect(batch.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(maxBytes);
            }
          }
          expect(mostUnderWay()).toBeLessThanOrEqual(ownerCount === 1 ? maxConcurrent : maxConcurrent + 1);
          if (poison.size === 0) expect(batches.flat()).toHaveLength(next);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("lets calls take turns, so that a large one does not hold up a small one", async () => {
    const { batches, run } = recorder();
    const coalescer = newCoalescer({ run, maxConcurrent: 1, maxItems: 10 });
    const large = coalescer.submitAll(itemsFrom(0, 500));
    const small = coalescer.submit({ id: 1_000, size: 1 });
    await Promise.all([large, small]);
    const servedIn = batches.findIndex((batch) => batch.some(({ id }) => id === 1_000));
    expect(servedIn).toBe(0);
  });

  it("serves calls that did not get a turn first the next time", async () => {
    const { batches, run } = recorder();
    const coalescer = newCoalescer({ run, maxConcurrent: 1, maxItems: 2 });
    await Promise.all([0, 100, 200, 300].map((start) => coalescer.submitAll(itemsFrom(start, 3))));
    expect(batches.slice(0, 4).map((batch) => batch.map(({ id }) => id))).toEqual([
      [0, 100],
      [200, 300],
      [1, 101],
      [201, 301],
    ]);
  });

  it("lets owners take turns, however many calls one of them has", async () => {
    const { batches, run } = recorder();
    const coalescer = newCoalescer({ run, maxConcurrent: 1, maxItems: 10 });
    const noisy = itemsFrom(0, 500).map((item) => coalescer.submit({ ...item, owner: "noisy" }));
    const quiet = itemsFrom(1_000, 3).map((item) => coalescer.submit({ ...item, owner: "quiet" }));
    await Promise.all([...noisy, ...quiet]);
    expect(batches[0]?.map(({ id }) => id)).toEqual([0, 1_000, 1, 1_001, 2, 1_002, 3, 4, 5, 6]);
    expect(
      batches
        .flat()
        .map(({ id }) => id)
        .filter((id) => id < 1_000),
    ).toEqual(itemsFrom(0, 500).map(({ id }) => id));
  });

  it("keeps one more round trip for owners that have none under way", async () => {
    const hanging: (() => void)[] = [];
    const batches: (readonly Item[])[] = [];
    const coalescer = newCoalescer({
      maxConcurrent: 2,
      maxItems: 5,
      lingerMs: 0,
      run: async (items) => {
        batches.push(items);
        await new Promise<void>((resolve) => hanging.push(resolve));
        return items.map(({ id }) => ({ ok: true, value: id }));
      },
    });
    const untilUnderWay = async (count: number) => {
      while (batches.length < count) await new Promise(setImmediate);
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      expect(batches).toHaveLength(count);
    };
    const noisy = coalescer.submitAll(itemsFrom(0, 50).map((item) => ({ ...item, owner: "noisy" })));
    await untilUnderWay(2);
    const first = coalescer.submit({ id: 1_000, size: 1, owner: "quiet" });
    await untilUnderWay(3);
    expect(batches[2]?.map(({ id }) => id)).toEqual([1_000]);
    // It has one under way now, and the kept one is taken.
    const later = ["quiet", "other"].map((owner, i) => coalescer.submit({ id: 2_000 + i, size: 1, owner }));
    await untilUnderWay(3);
    hanging[2]?.();
    expect(await first).toBe(1_000);
    await untilUnderWay(4);
    expect(batches[3]?.map(({ id }) => id)).toEqual([2_000, 2_001]);
    const finish = setInterval(() => {
      for (const done of hanging.splice(0)) done();
    }, 1);
    await Promise.all([noisy, ...later]);
    clearInterval(finish);
  });

  it("refuses an owner that has filled the queue, and takes others, up to twice as much", async () => {
    const { run } = recorder();
    const coalescer = newCoalescer({ run, maxConcurrent: 1, maxQueuedItems: 10 });
    const refused = expect.objectContaining({ code: "STORE_OVERLOADED" });
    const of = (owner: string, count: number) =>
      coalescer.submitAll(itemsFrom(0, count).map((item) => ({ ...item, owner })));
    const taken = [of("noisy", 10), of("quiet", 4), of("other", 6)];
    await expect(of("noisy", 1)).rejects.toEqual(refused);
    await expect(of("quiet", 1)).rejects.toEqual(refused);
    await expect(of("late", 1)).rejects.toEqual(refused);
    for (const outcomes of await Promise.all(taken)) expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(await of("noisy", 1)).toHaveLength(1);
  });

  it("does not look for a culprit in errors that are everybody's", async () => {
    const down = new EventSourcingError("STORE_UNAVAILABLE", "down");
    let calls = 0;
    const coalescer = newCoalescer({
      run: async () => {
        calls++;
        throw down;
      },
    });
    const outcomes = await coalescer.submitAll(itemsFrom(0, 8));
    expect(outcomes).toEqual(outcomes.map(() => ({ ok: false, error: down })));
    expect(calls).toBe(1);
  });

  it("works on after a failure", async () => {
    const { run } = recorder(new Set([1]));
    const coalescer = newCoalescer({ run });
    await expect(coalescer.submit({ id: 1, size: 1 })).rejects.toBe(bad);
    expect(await coalescer.submit({ id: 2, size: 1 })).toBe(20);
  });

  it("refuses more than may wait, by items and by bytes, and takes more when there is room again", async () => {
    const { run } = recorder();
    const coalescer = newCoalescer({ run, maxConcurrent: 1, maxQueuedItems: 5, maxQueuedBytes: 50 });
    const overloaded = expect.objectContaining({ code: "STORE_OVERLOADED", retryable: true });
    const taken = coalescer.submitAll(itemsFrom(0, 4));
    await expect(coalescer.submitAll(itemsFrom(10, 2))).rejects.toEqual(overloaded);
    await expect(coalescer.submit({ id: 20, size: 60 })).rejects.toEqual(overloaded);
    expect((await taken).every(({ ok }) => ok)).toBe(true);
    expect(await coalescer.submit({ id: 20, size: 60 })).toBe(200);
  });

  it("takes a call larger than the queue when nothing waits", async () => {
    const { run } = recorder();
    const coalescer = newCoalescer({ run, maxQueuedItems: 5 });
    expect(await coalescer.submitAll(itemsFrom(0, 50))).toHaveLength(50);
  });

  it("says so when a round trip forgets an item", async () => {
    const coalescer = newCoalescer({ run: async () => [] });
    await expect(coalescer.submit({ id: 1, size: 1 })).rejects.toThrow("no outcome for item 0");
  });

  it("takes as many calls at once as the queue holds", async () => {
    const { run } = recorder();
    const calls = 200_000;
    const coalescer = newCoalescer({ run, maxItems: 50_000, maxQueuedItems: calls, maxQueuedBytes: calls });
    let settled = 0;
    const submitted = itemsFrom(0, calls).map(async (item) => {
      await coalescer.submit(item);
      settled++;
    });
    await Promise.all(submitted);
    expect(settled).toBe(calls);
  });

  it("refuses what waited too long behind a round trip that hung, and takes what comes later", async () => {
    let hang: (() => void) | undefined;
    const served: number[] = [];
    const coalescer = newCoalescer({
      maxConcurrent: 1,
      maxWaitMs: 1_000,
      run: async (items) => {
        if (served.length === 0) await new Promise<void>((resolve) => (hang = resolve));
        served.push(...items.map(({ id }) => id));
        return items.map(() => ({ ok: true, value: 0 }));
      },
    });
    const hung = coalescer.submit({ id: 1, size: 1 });
    while (hang === undefined) await new Promise(setImmediate);
    const late = coalescer.submitAll(itemsFrom(2, 30));
    const from = performance.now();
    while (performance.now() - from <= 1_050) await new Promise(setImmediate);
    const fresh = coalescer.submit({ id: 99, size: 1 });
    hang();
    await hung;
    const outcomes = await late;
    expect(outcomes).toHaveLength(30);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ ok: false, error: { code: "STORE_OVERLOADED", retryable: true } });
    }
    expect(await fresh).toBe(0);
    expect(served).toEqual([1, 99]);
  });

  it("lets other work in between while it settles a batch", async () => {
    const { run } = recorder();
    const coalescer = newCoalescer({ run, maxItems: 1_000 });
    let settled = 0;
    const seen: number[] = [];
    const watch = () => {
      seen.push(settled);
      if (settled < 1_000) setImmediate(watch);
    };
    setImmediate(watch);
    await Promise.all(itemsFrom(0, 1_000).map((item) => coalescer.submit(item).then(() => settled++)));
    const steps = seen.map((count, i) => count - (seen[i - 1] ?? 0));
    expect(Math.max(...steps)).toBeLessThan(100);
  });
});
