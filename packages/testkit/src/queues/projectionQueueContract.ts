import { type AggregateRef, EventSourcingError, parseTenantId, type TenantId } from "@es/core";
import type { DeadLetter, ProjectionQueue, ProjectionRun, ProjectionWorker } from "@es/processing";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { hostileIds, hostileTenantIds } from "../hostileIds.js";
import { nameOf, RunGate, RunRecorder, until } from "./runRecorder.js";

/** What a queue is made with, so that the suite need not wait for the defaults of production. */
export interface ProjectionQueueContractOptions {
  readonly attempts: number;
  readonly backoffMs: number;
  readonly delayMs: number;
  readonly limiter: { readonly max: number; readonly durationMs: number } | null;
}

/** One queue, empty and its own, for one test. */
export interface ProjectionQueueHarness {
  readonly queue: ProjectionQueue;
  work(run: ProjectionRun, options: { readonly concurrency: number }): ProjectionWorker;
  /** Ends everything, whether the test closed it or not. */
  tearDown(): Promise<void>;
}

export interface ProjectionQueueContract {
  readonly name: string;
  setUp(options: ProjectionQueueContractOptions): Promise<ProjectionQueueHarness>;
  /** Random histories to try. @default 50 */
  readonly histories?: number;
}

const transient = () => new EventSourcingError("STORE_UNAVAILABLE", "The store is down.");
const permanent = () => new EventSourcingError("STORE_SCHEMA_MISMATCH", "A column is missing.");
const poison = () => new EventSourcingError("HANDLER_FAILED", "The handler threw.");

function ref(aggregateId: string, tenantId = "acme"): AggregateRef {
  return { tenantId: parseTenantId(tenantId), aggregateId };
}

/** Every promise of the `ProjectionQueue` port, as tests that try to break it. */
export function projectionQueueContract(contract: ProjectionQueueContract): void {
  const open: ProjectionQueueHarness[] = [];

  async function setUp(options: Partial<ProjectionQueueContractOptions> = {}) {
    const harness = await contract.setUp({
      attempts: 3,
      backoffMs: 5,
      delayMs: 0,
      limiter: null,
      ...options,
    });
    open.push(harness);
    return harness;
  }

  afterEach(async () => {
    for (const harness of open.splice(0)) await harness.tearDown();
  });

  async function idle(queue: ProjectionQueue): Promise<void> {
    await until(async () => {
      const { pending, active } = await queue.counts();
      return pending === 0 && active === 0;
    }, "the queue is idle");
  }

  async function allDeadLetters(queue: ProjectionQueue, tenantId?: string): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof queue.deadLetters.list>> = await queue.deadLetters.list({
        limit: 2,
        ...(cursor === null ? {} : { cursor }),
        ...(tenantId === undefined ? {} : { tenantId: parseTenantId(tenantId) }),
      });
      expect(page.items.length).toBeLessThanOrEqual(2);
      letters.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return letters;
  }

  /** A queue on which a run of each of the refs failed for good. */
  async function parked(refs: readonly AggregateRef[]) {
    const harness = await setUp({ attempts: 1 });
    const recorder = new RunRecorder(() => {
      throw poison();
    });
    harness.work(recorder.run, { concurrency: 4 });
    await harness.queue.schedule(refs);
    await until(
      async () => (await harness.queue.counts()).deadLetters === refs.length,
      "all runs are parked",
    );
    await idle(harness.queue);
    return { ...harness, recorder };
  }

  describe(`${contract.name} as a ProjectionQueue`, () => {
    describe("collapses changes into runs", () => {
      it("runs a scheduled ref once, on the first try", async () => {
        const { queue, work } = await setUp();
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 2 });
        await queue.schedule([ref("a")]);
        await until(() => recorder.finished.length === 1, "the run finished");
        await idle(queue);
        expect(recorder.started).toMatchObject([{ ref: { tenantId: "acme", aggregateId: "a" }, attempt: 1 }]);
      });

      it("serves all schedule calls before a start with that one run", async () => {
        const { queue, work } = await setUp();
        for (let call = 0; call < 20; call++) await queue.schedule([ref("a"), ref("b"), ref("a")]);
        expect(await queue.counts()).toEqual({ pending: 2, active: 0, deadLetters: 0 });
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 4 });
        await until(() => recorder.finished.length === 2, "both ran");
        await idle(queue);
        expect(recorder.started.map((run) => run.ref.aggregateId).sort()).toEqual(["a", "b"]);
      });

      it("takes an empty list", async () => {
        const { queue } = await setUp();
        await queue.schedule([]);
        expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 });
      });

      it("takes many refs in one call", async () => {
        const { queue, work } = await setUp();
        const refs = Array.from({ length: 1_500 }, (_, index) => ref(`many-${index}`));
        await queue.schedule(refs);
        expect((await queue.counts()).pending).toBe(1_500);
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 50 });
        await until(() => recorder.finished.length === 1_500, "all ran");
        expect(new Set(recorder.started.map((run) => run.ref.aggregateId)).size).toBe(1_500);
      });

      it("starts exactly one more run after calls made while one is active", async () => {
        const { queue, work } = await setUp();
        const gate = new RunGate();
        const recorder = new RunRecorder(gate.hold);
        work(recorder.run, { concurrency: 4 });
        await queue.schedule([ref("a")]);
        await until(() => gate.holds(ref("a")), "the first run is active");
        await Promise.all(Array.from({ length: 20 }, () => queue.schedule([ref("a")])));
        expect((await queue.counts()).active).toBe(1);
        expect(recorder.started.length).toBe(1);
        gate.release(ref("a"));
        await until(() => gate.holds(ref("a")), "the second run is active");
        gate.release(ref("a"));
        await idle(queue);
        expect(recorder.started.length).toBe(2);
        expect(recorder.mostActiveOfOneRef).toBe(1);
      });

      for (const [what, error, attempts] of [
        ["fails and is tried again", transient, 3],
        ["fails for the last time", transient, 1],
        ["turns out to be poison", poison, 1],
        ["fails permanently", permanent, 3],
      ] as const) {
        it(`loses no call made while a run is active that ${what}`, async () => {
          const { queue, work } = await setUp({ attempts });
          const gate = new RunGate();
          const recorder = new RunRecorder(gate.hold);
          work(recorder.run, { concurrency: 4 });
          await queue.schedule([ref("a")]);
          await until(() => gate.holds(ref("a")), "the first run is active");
          await queue.schedule([ref("a")]);
          gate.release(ref("a"), error());
          await until(() => gate.holds(ref("a")), "a run started after the call");
          recorder.behave(() => undefined);
          gate.releaseAll();
          await idle(queue);
          await until(async () => (await queue.counts()).deadLetters === 0, "the last run healed the ref");
        });
      }

      it("never runs one ref twice at once, with two workers and a stream of calls", async () => {
        const { queue, work } = await setUp();
        const recorder = new RunRecorder(() => new Promise((resolve) => setTimeout(resolve, 1)));
        work(recorder.run, { concurrency: 5 });
        work(recorder.run, { concurrency: 5 });
        for (let call = 0; call < 200; call++) await queue.schedule([ref("a"), ref("b")]);
        await idle(queue);
        expect(recorder.started.length).toBeGreaterThan(2);
        expect(recorder.mostActiveOfOneRef).toBe(1);
      });

      it("runs different refs side by side, up to the concurrency", async () => {
        const { queue, work } = await setUp();
        const gate = new RunGate();
        const recorder = new RunRecorder(gate.hold);
        work(recorder.run, { concurrency: 3 });
        const refs = Array.from({ length: 9 }, (_, index) => ref(`r${index}`));
        await queue.schedule(refs);
        await until(() => recorder.active === 3, "three are active");
        expect(await queue.counts()).toEqual({ pending: 6, active: 3, deadLetters: 0 });
        recorder.behave(() => new Promise((resolve) => setTimeout(resolve, 5)));
        gate.releaseAll();
        await until(() => recorder.finished.length === 9, "all ran");
        expect(recorder.mostActive).toBe(3);
      });

      it("starts no more runs per window than the limiter lets", async () => {
        const { queue, work } = await setUp({ limiter: { max: 4, durationMs: 300 } });
        const recorder = new RunRecorder();
        const before = Date.now();
        work(recorder.run, { concurrency: 20 });
        await queue.schedule(Array.from({ length: 12 }, (_, index) => ref(`r${index}`)));
        await until(() => recorder.started.length === 12, "all ran");
        // Twelve starts take three windows of four, and the first window did not open before the worker was made.
        expect((recorder.started[11]?.startedAt ?? 0) - before).toBeGreaterThanOrEqual(590);
      });
    });

    describe("delays", () => {
      it("starts no run before its delay is over, and holds up nothing else meanwhile", async () => {
        const { queue, work } = await setUp();
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 1 });
        const before = Date.now();
        await queue.schedule([ref("later")], { delayMs: 300 });
        await queue.schedule([ref("never")], { delayMs: 3_600_000 });
        await queue.schedule([ref("now")]);
        await until(() => recorder.finished.length === 2, "both ran");
        const [later] = recorder.startsOf(ref("later"));
        expect((later?.startedAt ?? 0) - before).toBeGreaterThanOrEqual(295);
        await until(async () => (await queue.counts()).active === 0, "nothing is active");
        expect(await queue.counts()).toEqual({ pending: 1, active: 0, deadLetters: 0 });
      });

      it("joins the calls made until the start, and is not starved by a steady stream of them", async () => {
        const { queue, work } = await setUp({ delayMs: 60 });
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 1 });
        let calls = 0;
        await until(async () => {
          calls++;
          await queue.schedule([ref("a")]);
          return recorder.started.length >= 3;
        }, "three runs started although calls never paused");
        expect(calls).toBeGreaterThan(3);
        await idle(queue);
      });

      it("keeps the first call's delay for the calls that join it", async () => {
        const { queue, work } = await setUp();
        await queue.schedule([ref("a")], { delayMs: 3_600_000 });
        await queue.schedule([ref("a")], { delayMs: 0 });
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 1 });
        await queue.schedule([ref("b")]);
        await until(() => recorder.finished.length === 1, "the other ran");
        expect(recorder.startsOf(ref("a"))).toEqual([]);
        expect((await queue.counts()).pending).toBe(1);
      });
    });

    describe("takes turns between tenants", () => {
      const refsOf = (tenant: string, count: number) =>
        Array.from({ length: count }, (_, index) => ref(`${index}`, tenant));
      const tenantsOf = (recorder: RunRecorder) => recorder.started.map((run) => run.ref.tenantId);

      it("one run of each that waits, and first come, first served within one", async () => {
        const { queue, work } = await setUp();
        await queue.schedule(refsOf("huge", 500));
        await queue.schedule(refsOf("small", 2));
        await queue.schedule(refsOf("tiny", 1));
        const recorder = new RunRecorder();
        work(recorder.run, { concurrency: 1 });
        await until(() => recorder.finished.length === 503, "all ran");
        expect(recorder.finished.slice(0, 6).map(nameOf)).toEqual(
          [
            ref("0", "huge"),
            ref("0", "small"),
            ref("0", "tiny"),
            ref("1", "huge"),
            ref("1", "small"),
            ref("2", "huge"),
          ].map(nameOf),
        );
        const huge = recorder.finished.filter(({ tenantId }) => tenantId === "huge");
        expect(huge.map(nameOf)).toEqual(refsOf("huge", 500).map(nameOf));
      });

      it("so that a run waits for one of each tenant with a backlog, however long these are", async () => {
        const { queue, work } = await setUp();
        await queue.schedule([...refsOf("huge", 400), ...refsOf("large", 200)]);
        const gate = new RunGate();
        const recorder = new RunRecorder(gate.hold);
        work(recorder.run, { concurrency: 1 });
        const letOneEnd = async () => {
          const startedBefore = recorder.started.length;
          gate.releaseAll();
          await until(() => recorder.started.length > startedBefore, "the next run started");
        };
        await until(() => recorder.started.length === 1, "the first run started");
        for (let run = 0; run < 100; run++) await letOneEnd();
        for (let visit = 0; visit < 5; visit++) {
          await queue.schedule([ref(`${visit}`, "quiet")]);
          const startedBefore = recorder.started.length;
          while (!tenantsOf(recorder).slice(startedBefore).includes(parseTenantId("quiet")))
            await letOneEnd();
          expect(recorder.started.length - startedBefore).toBeLessThanOrEqual(3);
        }
        recorder.behave(() => undefined);
        gate.releaseAll();
        await idle(queue);
      });

      it("and those with a backlog get theirs, however many others come with little", async () => {
        const { queue, work } = await setUp();
        await queue.schedule(refsOf("huge", 200));
        const others = Array.from({ length: 5 }, (_, index) => `other-${index}`);
        let visits = 0;
        const recorder = new RunRecorder(async () => {
          if (++visits > 200) return;
          // Each of the others has something waiting at any time.
          await queue.schedule(others.map((tenant) => ref(`${visits}`, tenant)));
        });
        work(recorder.run, { concurrency: 1 });
        await until(() => recorder.started.length >= 120, "many ran");
        const ofHuge = tenantsOf(recorder)
          .slice(0, 120)
          .filter((tenant) => tenant === "huge").length;
        expect(ofHuge).toBeGreaterThanOrEqual(15);
        expect(ofHuge).toBeLessThanOrEqual(30);
        await idle(queue);
      });

      it("also for what is redriven", async () => {
        const { queue, work } = await setUp({ attempts: 1 });
        const recorder = new RunRecorder(() => {
          throw poison();
        });
        const worker = work(recorder.run, { concurrency: 10 });
        await queue.schedule(refsOf("huge", 120));
        await until(async () => (await queue.counts()).deadLetters === 120, "all are parked");
        await worker.close();
        await queue.deadLetters.redrive();
        await queue.schedule([ref("1", "quiet")]);
        const next = new RunRecorder();
        work(next.run, { concurrency: 1 });
        await until(() => next.finished.length === 121, "all ran");
        expect(tenantsOf(next).indexOf(parseTenantId("quiet"))).toBeLessThanOrEqual(1);
      });
    });

    describe("retries", () => {
      it("with exponential backoff, then parks the run with all that is known of its failure", async () => {
        const { queue, work } = await setUp({ attempts: 3, backoffMs: 40 });
        const recorder = new RunRecorder(() => {
          throw transient();
        });
        const before = Date.now();
        work(recorder.run, { concurrency: 2 });
        await queue.schedule([ref("a")]);
        await until(async () => (await queue.counts()).deadLetters === 1, "it was parked");
        await idle(queue);
        expect(recorder.started.map((run) => run.attempt)).toEqual([1, 2, 3]);
        const [first, second, third] = recorder.started.map((run) => run.startedAt);
        expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(38);
        expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(78);

        const [letter] = (await queue.deadLetters.list()).items;
        expect(letter).toEqual({
          id: expect.any(String),
          ref: { tenantId: "acme", aggregateId: "a" },
          errorClass: "transient",
          code: "STORE_UNAVAILABLE",
          reason: "The store is down.",
          eventCount: null,
          attempts: 3,
          firstFailedAt: expect.any(Number),
          lastFailedAt: expect.any(Number),
        });
        expect(letter?.firstFailedAt).toBeGreaterThanOrEqual(before);
        expect(letter?.lastFailedAt).toBeGreaterThan(letter?.firstFailedAt ?? 0);
        expect(await queue.deadLetters.get(letter?.id ?? "")).toEqual(letter);
      });

      it("forgets a failure once a further try succeeds", async () => {
        const { queue, work } = await setUp();
        const recorder = new RunRecorder((_, { attempt }) => {
          if (attempt < 3) throw transient();
        });
        work(recorder.run, { concurrency: 2 });
        await queue.schedule([ref("a")]);
        await until(() => recorder.finished.length === 1, "it succeeded");
        await idle(queue);
        expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 });
        await queue.schedule([ref("a")]);
        await until(() => recorder.started.length > 3, "it ran again");
        expect(recorder.started.map((run) => run.attempt).slice(0, 4)).toEqual([1, 2, 3, 1]);
      });

      it("poison like any failure, and what is not even an error", async () => {
        const { queue, work } = await setUp({ attempts: 2 });
        const recorder = new RunRecorder(({ aggregateId }) => {
          if (aggregateId === "poison") throw poison();
          if (aggregateId === "plain") throw new RangeError("out of range");
          throw "a string";
        });
        work(recorder.run, { concurrency: 2 });
        await queue.schedule([ref("poison"), ref("plain"), ref("string")]);
        await until(async () => (await queue.counts()).deadLetters === 3, "all are parked");
        expect(recorder.started.length).toBe(6);
        const byId = new Map((await allDeadLetters(queue)).map((letter) => [letter.ref.aggregateId, letter]));
        expect(byId.get("poison")).toMatchObject({
          errorClass: "poison",
          code: "HANDLER_FAILED",
          attempts: 2,
        });
        expect(byId.get("plain")).toMatchObject({
          errorClass: "poison",
          code: "RangeError",
          reason: "out of range",
        });
        expect(byId.get("string")).toMatchObject({ errorClass: "poison", reason: "a string", attempts: 2 });
      });

      it("nothing that failed permanently", async () => {
        const { queue, work } = await setUp({ attempts: 3, backoffMs: 3_600_000 });
        const recorder = new RunRecorder(() => {
          throw permanent();
        });
        work(recorder.run, { concurrency: 2 });
        await queue.schedule([ref("a")]);
        await until(async () => (await queue.counts()).deadLetters === 1, "it was parked");
        await idle(queue);
        expect(recorder.started.length).toBe(1);
        const [letter] = await allDeadLetters(queue);
        expect(letter).toMatchObject({ errorClass: "permanent", code: "STORE_SCHEMA_MISMATCH", attempts: 1 });
        expect(letter?.firstFailedAt).toBe(letter?.lastFailedAt);
      });

      it("a failing ref without holding up others", async () => {
        const { queue, work } = await setUp({ attempts: 3, backoffMs: 3_600_000 });
        const recorder = new RunRecorder(({ aggregateId }) => {
          if (aggregateId === "bad") throw poison();
        });
        work(recorder.run, { concurrency: 1 });
        await queue.schedule([ref("bad"), ...Array.from({ length: 20 }, (_, index) => ref(`good-${index}`))]);
        await until(() => recorder.finished.length === 20, "all the others ran");
        await until(() => recorder.startsOf(ref("bad")).length === 1, "the bad one ran");
        await until(async () => (await queue.counts()).active === 0, "nothing is active");
        expect(await queue.counts()).toEqual({ pending: 1, active: 0, deadLetters: 0 });
      });
    });

    describe("parks what failed for good", () => {
      it("schedules a parked ref like any other, and heals it when that run succeeds", async () => {
        const { queue, recorder } = await parked([ref("a"), ref("b")]);
        recorder.behave(() => undefined);
        await queue.schedule([ref("a")]);
        await until(() => recorder.finished.length === 1, "it ran again");
        await until(async () => (await queue.counts()).deadLetters === 1, "its dead letter is gone");
        expect((await allDeadLetters(queue)).map((letter) => letter.ref.aggregateId)).toEqual(["b"]);
      });

      it("holds one dead letter per ref: the newest, with the time of the first failure", async () => {
        const { queue, recorder } = await parked([ref("a")]);
        const [old] = await allDeadLetters(queue);
        await until(() => Date.now() > (old?.lastFailedAt ?? 0), "the clock went on");
        recorder.behave(() => {
          throw permanent();
        });
        await queue.schedule([ref("a")]);
        await until(
          async () => (await allDeadLetters(queue))[0]?.code === "STORE_SCHEMA_MISMATCH",
          "the newer letter is there",
        );
        const letters = await allDeadLetters(queue);
        expect(letters).toHaveLength(1);
        expect(letters[0]?.firstFailedAt).toBe(old?.firstFailedAt);
        expect(letters[0]?.lastFailedAt).toBeGreaterThan(old?.lastFailedAt ?? 0);
        expect((await queue.counts()).deadLetters).toBe(1);
      });

      it("lists them in pages, all or one tenant's", async () => {
        const refs = [ref("1"), ref("2"), ref("3"), ref("1", "beta"), ref("2", "beta")];
        const { queue } = await parked(refs);
        const letters = await allDeadLetters(queue);
        expect(letters.map((letter) => nameOf(letter.ref)).sort()).toEqual(refs.map(nameOf).sort());
        expect(new Set(letters.map((letter) => letter.id)).size).toBe(5);
        const beta = await allDeadLetters(queue, "beta");
        expect(beta.map((letter) => nameOf(letter.ref)).sort()).toEqual(refs.slice(3).map(nameOf).sort());
        expect(await allDeadLetters(queue, "gamma")).toEqual([]);
        expect(await queue.deadLetters.list()).toMatchObject({ nextCursor: null });
      });

      it("says over how many events the run failed, where the error does", async () => {
        const { queue, work } = await setUp({ attempts: 1 });
        const recorder = new RunRecorder(({ aggregateId }) => {
          throw aggregateId === "counted"
            ? new EventSourcingError("HANDLER_FAILED", "The handler threw.", { fields: { eventCount: 7 } })
            : new RangeError("out of range");
        });
        work(recorder.run, { concurrency: 1 });
        await queue.schedule([ref("counted"), ref("uncounted")]);
        await until(async () => (await queue.counts()).deadLetters === 2, "both are parked");
        const byId = new Map((await allDeadLetters(queue)).map((letter) => [letter.ref.aggregateId, letter]));
        expect(byId.get("counted")?.eventCount).toBe(7);
        expect(byId.get("uncounted")?.eventCount).toBeNull();
      });

      it("finds them by their refs, in the order asked", async () => {
        const { queue } = await parked([ref("1"), ref("2"), ref("1", "beta")]);
        const asked = [ref("2"), ref("unknown"), ref("1", "beta"), ref("2", "beta"), ref("2")];
        const found = await queue.deadLetters.findByRefs(asked);
        expect(found.map((letter) => letter && nameOf(letter.ref))).toEqual([
          nameOf(ref("2")),
          null,
          nameOf(ref("1", "beta")),
          null,
          nameOf(ref("2")),
        ]);
        expect(found[0]).toEqual(await queue.deadLetters.get(found[0]?.id ?? ""));
        expect(await queue.deadLetters.findByRefs([])).toEqual([]);
        const many = Array.from({ length: 250 }, (_, index) => ref(`missing-${index}`));
        expect(await queue.deadLetters.findByRefs([...many, ref("1")])).toHaveLength(251);
      });

      it("goes on listing after the letter a cursor points at is gone", async () => {
        const { queue } = await parked([ref("1"), ref("2"), ref("3")]);
        const page = await queue.deadLetters.list({ limit: 1 });
        const ids = page.items.map((letter) => letter.id);
        await queue.deadLetters.discard({ ids });
        const rest = await queue.deadLetters.list({ cursor: page.nextCursor ?? "" });
        expect(rest.items).toHaveLength(2);
        expect(rest.items.map((letter) => letter.id)).not.toContain(ids[0]);
      });

      it("knows no letter by an unknown id, and refuses a made-up cursor", async () => {
        const { queue } = await setUp();
        expect(await queue.deadLetters.get("nonsense")).toBeNull();
        expect(await queue.deadLetters.redrive({ ids: ["nonsense"] })).toBe(0);
        expect(await queue.deadLetters.discard({ ids: ["nonsense"] })).toBe(0);
        expect(await queue.deadLetters.redrive({ ids: [] })).toBe(0);
        for (const cursor of ["nonsense", "", "1.YQ", 5, null] as string[]) {
          await expect(queue.deadLetters.list({ cursor })).rejects.toMatchObject({ code: "INVALID_CURSOR" });
        }
      });

      it("lists each once, page by page, whatever the ids hold", async () => {
        const anyId = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
        const ids = new Set([...hostileIds, ...fc.sample(anyId, 20)]);
        const refs = [...ids].map((id, place) =>
          ref(id, hostileTenantIds[place % hostileTenantIds.length] as string),
        );
        const { queue } = await parked(refs);
        const listed = (await allDeadLetters(queue)).map((letter) => nameOf(letter.ref));
        expect(listed.sort()).toEqual(refs.map(nameOf).sort());
      });

      it("redrives by id, by tenant, or all: each runs again and its letter is gone", async () => {
        const refs = [ref("1"), ref("2"), ref("3"), ref("1", "beta"), ref("2", "beta")];
        const { queue, recorder } = await parked(refs);
        recorder.behave(() => undefined);
        const one = (await allDeadLetters(queue)).find((letter) => nameOf(letter.ref) === nameOf(ref("1")));
        expect(
          await queue.deadLetters.redrive({ ids: [one?.id ?? ""], tenantId: parseTenantId("beta") }),
        ).toBe(0);
        expect(await queue.deadLetters.redrive({ ids: [one?.id ?? "", one?.id ?? ""] })).toBe(1);
        await until(() => recorder.finished.length === 1, "the one ran");
        expect(nameOf(recorder.finished[0] ?? ref("?"))).toBe(nameOf(ref("1")));
        expect((await queue.counts()).deadLetters).toBe(4);
        expect(await queue.deadLetters.redrive({ tenantId: parseTenantId("beta") })).toBe(2);
        await until(() => recorder.finished.length === 3, "the tenant's ran");
        expect(await queue.deadLetters.redrive()).toBe(2);
        await until(() => recorder.finished.length === 5, "the rest ran");
        await idle(queue);
        expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 });
        expect(new Set(recorder.finished.map(nameOf))).toEqual(new Set(refs.map(nameOf)));
      });

      it("parks a redriven run again if it fails again, and ends the redrive all the same", async () => {
        const refs = Array.from({ length: 30 }, (_, index) => ref(`${index}`));
        const { queue } = await parked(refs);
        expect(await queue.deadLetters.redrive()).toBe(30);
        await until(async () => {
          const { deadLetters, pending, active } = await queue.counts();
          return deadLetters === 30 && pending + active === 0;
        }, "all are parked again");
      });

      it("redrives at a rate, and tells of every step", async () => {
        const refs = Array.from({ length: 5 }, (_, index) => ref(`${index}`));
        const { queue, recorder } = await parked(refs);
        recorder.behave(() => undefined);
        const steps: { readonly redriven: number; readonly letters: number }[] = [];
        const begun = performance.now();
        const redriven = await queue.deadLetters.redrive(
          {},
          {
            ratePerSecond: 20,
            onProgress: ({ redriven, letters }) => void steps.push({ redriven, letters: letters.length }),
          },
        );
        // Two at once, then one step every 100 ms. Timers may be a millisecond early.
        expect(performance.now() - begun).toBeGreaterThanOrEqual(190);
        expect(redriven).toBe(5);
        expect(steps.at(-1)?.redriven).toBe(5);
        expect(steps.reduce((sum, { letters }) => sum + letters, 0)).toBe(5);
        await until(() => recorder.finished.length === 5, "all ran");
      });

      it("stops a redrive between two steps, and leaves the rest parked", async () => {
        const { queue, recorder } = await parked(Array.from({ length: 5 }, (_, index) => ref(`${index}`)));
        recorder.behave(() => undefined);
        const stopping = new AbortController();
        const stopped = queue.deadLetters.redrive(
          {},
          {
            // The third would be due in ten minutes: it is the signal that ends the wait.
            ratePerSecond: 1 / 600,
            signal: stopping.signal,
            onProgress: ({ redriven }) => {
              expect(redriven).toBe(1);
              setImmediate(() => stopping.abort());
            },
          },
        );
        await expect(stopped).rejects.toMatchObject({ code: "ABORTED", fields: { redriven: 1 } });
        await until(() => recorder.finished.length === 1, "the one ran");
        await idle(queue);
        expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 4 });
      });

      it("redrives no letter that was discarded before its turn", async () => {
        const { queue, recorder } = await parked(Array.from({ length: 5 }, (_, index) => ref(`${index}`)));
        recorder.behave(() => undefined);
        const redriven = await queue.deadLetters.redrive(
          {},
          { ratePerSecond: 10, onProgress: async () => void (await queue.deadLetters.discard()) },
        );
        expect(redriven).toBe(1);
        await idle(queue);
        expect(recorder.finished).toHaveLength(1);
        expect((await queue.counts()).deadLetters).toBe(0);
      });

      it("refuses a rate that is none, and gives the failure of a progress report on", async () => {
        const { queue } = await parked([ref("1"), ref("2")]);
        for (const ratePerSecond of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
          await expect(queue.deadLetters.redrive({}, { ratePerSecond })).rejects.toMatchObject({
            code: "INVALID_OPTIONS",
          });
        }
        expect((await queue.counts()).deadLetters).toBe(2);
        const onProgress = () => Promise.reject(new Error("nobody listens"));
        await expect(queue.deadLetters.redrive({}, { onProgress })).rejects.toThrow("nobody listens");
      });

      it("discards by id, by tenant, or all: nothing runs", async () => {
        const refs = [ref("1"), ref("2"), ref("3"), ref("1", "beta")];
        const { queue, recorder } = await parked(refs);
        const [one] = await allDeadLetters(queue, "acme");
        expect(await queue.deadLetters.discard({ ids: [one?.id ?? ""] })).toBe(1);
        expect(await queue.deadLetters.get(one?.id ?? "")).toBeNull();
        expect(await queue.deadLetters.discard({ tenantId: parseTenantId("beta") })).toBe(1);
        expect(await queue.deadLetters.discard()).toBe(2);
        expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 0 });
        expect(recorder.started.length).toBe(4);
      });

      it("says why in full length or says that it was cut", async () => {
        const { queue, work } = await setUp({ attempts: 1 });
        work(
          async () => {
            throw new Error(`\u0000'"\\😀${"x".repeat(100_000)}`);
          },
          { concurrency: 1 },
        );
        await queue.schedule([ref("a")]);
        await until(async () => (await queue.counts()).deadLetters === 1, "it was parked");
        const [letter] = await allDeadLetters(queue);
        expect(letter?.reason.startsWith(`\u0000'"\\😀xxx`)).toBe(true);
        if ((letter?.reason.length ?? 0) < 100_000) expect(letter?.reason).toMatch(/more characters\)$/);
      });
    });

    describe("keeps refs apart and intact", () => {
      const hostile = [
        ref("c", "a:b"),
        ref("b:c", "a"),
        ref(":b:c", "a"),
        ref("c", "a%3Ab"),
        ref("c", "a%b"),
        ref("same", "one"),
        ref("same", "two"),
        ...hostileTenantIds.filter((tenant) => tenant !== "a:b").map((tenant) => ref("same", tenant)),
        ref("42"),
        ref("0"),
        ref("0:1"),
        ref("{es}"),
        ref("a/b/../c"),
        ref("100%"),
        ref('it\'s "quoted" `so` \\ and \\u0000'),
        ref("nul\u0000byte"),
        ref("nul"),
        ref("line\r\nbreak"),
        ref("😀 emoji 👩‍👩‍👧"),
        ref("é"),
        ref("e\u0301"),
        ref("__proto__"),
        ref("constructor", "__proto__"),
        ref(`${"long ".repeat(2_000)}1`),
        ref(`${"long ".repeat(2_000)}2`),
        ref("x", "t".repeat(256)),
        ref("*?[a]"),
      ];

      it("whatever their ids hold: run, follow-up, dead letter, redrive", async () => {
        const { queue, work } = await setUp({ attempts: 1 });
        const names = new Set(hostile.map(nameOf));
        const gate = new RunGate();
        const recorder = new RunRecorder(gate.hold);
        work(recorder.run, { concurrency: hostile.length });
        await queue.schedule(hostile);
        await until(() => recorder.active === hostile.length, "each has its own run");
        expect(new Set(recorder.started.map((run) => nameOf(run.ref)))).toEqual(names);

        await queue.schedule(hostile);
        recorder.behave(() => {
          throw poison();
        });
        gate.releaseAll();
        await until(
          async () => (await queue.counts()).deadLetters === hostile.length,
          "each has its dead letter",
        );
        await idle(queue);
        const letters = await allDeadLetters(queue);
        expect(new Set(letters.map((letter) => nameOf(letter.ref)))).toEqual(names);
        expect(await allDeadLetters(queue, "a:b")).toMatchObject([{ ref: { aggregateId: "c" } }]);

        recorder.behave(() => undefined);
        const before = recorder.finished.length;
        expect(await queue.deadLetters.redrive()).toBe(hostile.length);
        await until(() => recorder.finished.length === before + hostile.length, "each ran again");
        await idle(queue);
        expect(new Set(recorder.finished.slice(before).map(nameOf))).toEqual(names);
        expect((await queue.counts()).deadLetters).toBe(0);
        expect(recorder.mostActiveOfOneRef).toBe(1);
      });

      it("refuses an id it could not keep, and schedules nothing of that call", async () => {
        const { queue } = await setUp();
        for (const aggregateId of ["", "lone \ud800 surrogate", "x".repeat(20_000)]) {
          await expect(
            queue.schedule([ref("fine"), { tenantId: parseTenantId("acme"), aggregateId }]),
          ).rejects.toMatchObject({ code: "QUEUE_REJECTED", retryable: false });
        }
        expect((await queue.counts()).pending).toBe(0);
      });

      it("refuses a delay that is not a number of milliseconds", async () => {
        const { queue } = await setUp();
        for (const delayMs of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
          await expect(queue.schedule([ref("a")], { delayMs })).rejects.toMatchObject({
            code: "QUEUE_REJECTED",
          });
        }
        expect((await queue.counts()).pending).toBe(0);
      });
    });

    describe("refuses a tenant there cannot be", () => {
      const wrong = [undefined, null, 5, "", "a\nb", {}, ["acme"], "x".repeat(257), "\ud800"];

      it.each(wrong.map((tenantId) => ({ tenantId })))(
        "$tenantId: in refs, and in selections of dead letters",
        async ({ tenantId }) => {
          const { queue, work } = await setUp({ attempts: 1 });
          const recorder = new RunRecorder(() => {
            throw new Error("no");
          });
          work(recorder.run, { concurrency: 1 });
          await queue.schedule([ref("a")]);
          await until(async () => (await queue.counts()).deadLetters === 1, "the run is parked");
          await idle(queue);
          const refs = [ref("b"), { tenantId, aggregateId: "a" } as unknown as AggregateRef];
          await expect(queue.schedule(refs)).rejects.toMatchObject({ code: "QUEUE_REJECTED" });
          const selection = { tenantId: tenantId as TenantId };
          const invalid = { code: "INVALID_TENANT_ID" };
          await expect(queue.deadLetters.findByRefs(refs)).rejects.toMatchObject(invalid);
          await expect(queue.deadLetters.list(selection)).rejects.toMatchObject(invalid);
          await expect(queue.deadLetters.redrive(selection)).rejects.toMatchObject(invalid);
          await expect(queue.deadLetters.discard(selection)).rejects.toMatchObject(invalid);
          expect(await queue.counts()).toEqual({ pending: 0, active: 0, deadLetters: 1 });
          expect(recorder.started).toHaveLength(1);
        },
      );
    });

    describe("closes", () => {
      it("a worker after its active runs, and leaves what is pending", async () => {
        const { queue, work } = await setUp();
        const gate = new RunGate();
        const recorder = new RunRecorder(gate.hold);
        const worker = work(recorder.run, { concurrency: 1 });
        await queue.schedule([ref("a")]);
        await until(() => gate.holds(ref("a")), "the run is active");
        await queue.schedule([ref("b")]);
        let closed = false;
        const closing = worker.close().then(() => {
          closed = true;
        });
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(closed).toBe(false);
        gate.release(ref("a"));
        await closing;
        expect(recorder.finished).toHaveLength(1);
        expect(recorder.started[0]?.signal.aborted).toBe(false);
        expect(await queue.counts()).toEqual({ pending: 1, active: 0, deadLetters: 0 });
        await worker.close();

        const next = new RunRecorder();
        work(next.run, { concurrency: 1 });
        await until(() => next.finished.length === 1, "the next worker took what was left");
        expect(next.finished).toMatchObject([{ aggregateId: "b" }]);
      });

      it("a worker that waited long enough by aborting its runs, which then start again elsewhere", async () => {
        const { queue, work } = await setUp({ attempts: 1 });
        const recorder = new RunRecorder(
          (_, { signal }) =>
            new Promise((_resolve, reject) => {
              signal.addEventListener("abort", () => reject(signal.reason));
            }),
        );
        const worker = work(recorder.run, { concurrency: 1 });
        await queue.schedule([ref("a")]);
        await until(() => recorder.active === 1, "the run is active");
        await worker.close({ drainTimeoutMs: 20 });
        expect(recorder.started[0]?.signal.aborted).toBe(true);

        const next = new RunRecorder();
        work(next.run, { concurrency: 1 });
        await until(() => next.finished.length === 1, "the run started again");
        await idle(queue);
        expect(next.started).toMatchObject([{ ref: { aggregateId: "a" }, attempt: 1 }]);
        expect((await queue.counts()).deadLetters).toBe(0);
      });

      it("a worker with more runs than Node.js expects listeners of a signal, without a warning", async () => {
        const warnings: string[] = [];
        const listener = ({ name }: Error) => warnings.push(name);
        process.on("warning", listener);
        try {
          const { queue, work } = await setUp();
          const recorder = new RunRecorder(
            (_, { signal }) =>
              new Promise((_resolve, reject) => {
                signal.addEventListener("abort", () => reject(signal.reason));
              }),
          );
          const worker = work(recorder.run, { concurrency: 24 });
          await queue.schedule(Array.from({ length: 24 }, (_, index) => ref(`waiting ${index}`)));
          await until(() => recorder.active === 24, "all runs are active");
          await worker.close({ drainTimeoutMs: 20 });
          expect(recorder.finished).toHaveLength(0);
          expect(warnings).toEqual([]);
        } finally {
          process.off("warning", listener);
        }
      });

      it("a worker whose run gives up by itself: with ABORTED it goes back, and is not counted as tried", async () => {
        const { queue, work } = await setUp({ attempts: 1 });
        const closing = new AbortController();
        const recorder = new RunRecorder(
          () =>
            new Promise((_resolve, reject) => {
              closing.signal.addEventListener("abort", () => {
                reject(new EventSourcingError("ABORTED", "The worker closes."));
              });
            }),
        );
        const worker = work(recorder.run, { concurrency: 1 });
        await queue.schedule([ref("a")]);
        await until(() => recorder.active === 1, "the run is active");
        const closed = worker.close();
        closing.abort();
        await closed;
        expect(recorder.started[0]?.signal.aborted).toBe(false);

        const next = new RunRecorder();
        work(next.run, { concurrency: 1 });
        await until(() => next.finished.length === 1, "the run started again");
        await idle(queue);
        expect(next.started).toMatchObject([{ ref: { aggregateId: "a" }, attempt: 1 }]);
        expect((await queue.counts()).deadLetters).toBe(0);
      });

      it("an idle worker, and twice", async () => {
        const { work } = await setUp();
        const worker = work(new RunRecorder().run, { concurrency: 1 });
        await Promise.all([worker.close(), worker.close()]);
      });

      it("the queue: all calls reject with CLOSED", async () => {
        const { queue } = await setUp();
        await queue.schedule([ref("a")]);
        await queue.close();
        await queue.close();
        for (const call of [
          () => queue.schedule([ref("a")]),
          () => queue.schedule([]),
          () => queue.counts(),
          () => queue.deadLetters.list(),
          () => queue.deadLetters.get("x"),
          () => queue.deadLetters.findByRefs([]),
          () => queue.deadLetters.redrive(),
          () => queue.deadLetters.discard(),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: "CLOSED" });
        }
      });
    });

    it("loses no update and never runs a ref twice at once, whatever the order of calls, ends and failures", async () => {
      const refs = [ref("a"), ref("b"), ref("a", "beta")];
      const aRef = fc.constantFrom(...refs);
      const step = fc.oneof(
        {
          weight: 5,
          arbitrary: fc.record({
            do: fc.constant("schedule" as const),
            refs: fc.array(aRef, { minLength: 1, maxLength: 4 }),
          }),
        },
        {
          weight: 4,
          arbitrary: fc.record({
            do: fc.constant("finish" as const),
            ref: aRef,
            error: fc.constantFrom(undefined, undefined, transient, permanent, poison),
          }),
        },
        { weight: 1, arbitrary: fc.record({ do: fc.constant("redrive" as const) }) },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(0, 3), async (steps, delayMs) => {
          const harness = await contract.setUp({ attempts: 2, backoffMs: 1, delayMs, limiter: null });
          try {
            const { queue, work } = harness;
            const written = new Map<string, number>();
            const seen = new Map<string, number>();
            const gate = new RunGate();
            let holding = true;
            const recorder = new RunRecorder((of, context) => {
              seen.set(nameOf(of), written.get(nameOf(of)) ?? 0);
              return holding ? gate.hold(of, context) : undefined;
            });
            const owed = (of: AggregateRef) => (written.get(nameOf(of)) ?? 0) > (seen.get(nameOf(of)) ?? 0);
            work(recorder.run, { concurrency: 4 });
            for (const current of steps) {
              if (current.do === "schedule") {
                for (const of of current.refs) written.set(nameOf(of), (written.get(nameOf(of)) ?? 0) + 1);
                await queue.schedule(current.refs);
              } else if (current.do === "redrive") {
                await queue.deadLetters.redrive();
              } else if (owed(current.ref) || gate.holds(current.ref)) {
                await until(() => gate.holds(current.ref), `${nameOf(current.ref)} is active`);
                gate.release(current.ref, current.error?.());
              }
            }
            holding = false;
            gate.releaseAll();
            await until(
              () => refs.every((of) => !owed(of)),
              "every update was seen by a run that started after it",
            );
            await idle(queue);
            expect(recorder.mostActiveOfOneRef).toBeLessThanOrEqual(1);
            await queue.deadLetters.redrive();
            await until(async () => {
              const { pending, active, deadLetters } = await queue.counts();
              return pending + active + deadLetters === 0;
            }, "the queue is empty");
          } finally {
            await harness.tearDown();
          }
        }),
        { numRuns: contract.histories ?? 50 },
      );
    }, 180_000);
  });
}
