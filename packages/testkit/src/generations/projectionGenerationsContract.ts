import { randomUUID } from "node:crypto";
import { type EventStore, isEventSourcingError } from "@es/core";
import {
  type GenerationChange,
  type GenerationSet,
  liveGenerations,
  ProjectionGenerations,
} from "@es/processing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

export interface ProjectionGenerationsHarness {
  /** Where the changes of generations are kept. */
  readonly eventStore: EventStore<string, GenerationChange>;
  /** Brings about what the store otherwise does in its own time, such as merges. */
  settle?(): Promise<void>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface ProjectionGenerationsContract {
  /** Names the store in the test report. */
  readonly name: string;
  setUp(): ProjectionGenerationsHarness | Promise<ProjectionGenerationsHarness>;
  /** Runs of each property test. @default 20 */
  readonly numRuns?: number;
}

type Operation = "begin" | "switchTo" | "retire" | "rollBack";

/** Tests every promise of `ProjectionGenerations` over a store. Call it at the top of a test file. */
export function projectionGenerationsContract(contract: ProjectionGenerationsContract): void {
  describe(`ProjectionGenerations over ${contract.name}`, () => {
    let harness: ProjectionGenerationsHarness;
    beforeAll(async () => {
      harness = await contract.setUp();
    });
    afterAll(async () => {
      await harness?.tearDown?.();
    });

    const newProjection = () => `projection-${randomUUID()}`;
    const open = (projection = newProjection(), initial?: number) =>
      new ProjectionGenerations({
        eventStore: harness.eventStore,
        projection,
        ...(initial === undefined ? {} : { initial }),
      });
    const statesOf = ({ generations }: GenerationSet) =>
      Object.fromEntries(generations.map(({ number, state }) => [number, state]));
    const refusal = expect.objectContaining({ code: "GENERATION_REFUSED", retryable: false });

    it("serves the first generation before anything was recorded", async () => {
      const projection = newProjection();
      expect(await open(projection).read()).toEqual({
        projection,
        revision: 0,
        serving: 1,
        previous: null,
        generations: [{ number: 1, state: "serving", since: 0n }],
      });
      expect((await open(projection, 4).read()).serving).toBe(4);
    });

    it("keeps what was opened first, whatever later releases open with", async () => {
      const projection = newProjection();
      await open(projection, 2).open();
      await open(projection, 3).open();
      await open(projection, 1).open();
      expect(await open(projection, 7).read()).toMatchObject({ serving: 2, revision: 0 });
    });

    it("opens with one generation when several releases open at once", async () => {
      const projection = newProjection();
      await Promise.all([3, 2, 4].map((initial) => open(projection, initial).open()));
      const serving = await Promise.all(
        [1, 2, 3, 4].map(async (n) => (await open(projection, n).read()).serving),
      );
      expect(new Set(serving).size).toBe(1);
      expect([2, 3, 4]).toContain(serving[0]);
    });

    it("builds, switches, rolls back and retires, for everyone who reads", async () => {
      const projection = newProjection();
      const generations = open(projection);
      const reader = open(projection);

      expect(statesOf(await generations.begin(2))).toEqual({ 1: "serving", 2: "building" });
      expect(statesOf(await reader.read())).toEqual({ 1: "serving", 2: "building" });
      expect(liveGenerations(await reader.read())).toEqual([1, 2]);

      expect(await generations.switchTo(2)).toMatchObject({ serving: 2, previous: 1 });
      await harness.settle?.();
      expect(statesOf(await reader.read())).toEqual({ 1: "standby", 2: "serving" });
      expect(liveGenerations(await reader.read())).toEqual([2, 1]);

      expect(await generations.rollBack()).toMatchObject({ serving: 1, previous: null });
      expect(statesOf(await reader.read())).toEqual({ 1: "serving", 2: "standby" });

      await generations.switchTo(2);
      const after = await generations.retire(1);
      expect(statesOf(after)).toEqual({ 1: "retired", 2: "serving" });
      expect(after.previous).toBeNull();
      expect(liveGenerations(after)).toEqual([2]);
      await harness.settle?.();
      expect(await open(projection).read()).toEqual(after);
    });

    it("changes nothing when a change is repeated, and does not roll forward", async () => {
      const generations = open();
      await generations.begin(2);
      const begun = await generations.begin(2);
      expect(begun.revision).toBe(1);
      await generations.switchTo(2);
      expect((await generations.switchTo(2)).revision).toBe(2);
      await generations.rollBack();
      await expect(generations.rollBack()).rejects.toEqual(refusal);
      expect((await generations.read()).serving).toBe(1);
      await generations.retire(2);
      expect((await generations.retire(2)).revision).toBe(4);
    });

    it("refuses what is not possible, says why, and changes nothing", async () => {
      const generations = open();
      await generations.begin(2);
      await generations.begin(3);
      await generations.switchTo(3);
      await generations.retire(2);
      const before = await generations.read();
      const attempts = [
        () => generations.switchTo(2),
        () => generations.switchTo(9),
        () => generations.begin(2),
        () => generations.begin(1),
        () => generations.retire(3),
        () => generations.retire(9),
      ];
      for (const attempt of attempts) await expect(attempt()).rejects.toEqual(refusal);
      await expect(generations.begin(2)).rejects.toThrow(/number is used once/);
      await expect(generations.switchTo(2)).rejects.toThrow(/retired/);
      for (const number of [0, -1, 1.5, Number.NaN, 2 ** 32]) {
        await expect(generations.begin(number)).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
      }
      expect(await generations.read()).toEqual(before);
    });

    it("keeps the generations of projections apart", async () => {
      const [one, other] = [open(), open()];
      await one.begin(2);
      await one.switchTo(2);
      expect(await other.read()).toMatchObject({ serving: 1, revision: 0 });
    });

    it("ends two switches at once in one state for everyone", async () => {
      for (let round = 0; round < 10; round++) {
        const projection = newProjection();
        await open(projection).begin(2);
        await open(projection).begin(3);
        const switches = await Promise.allSettled([2, 3].map((number) => open(projection).switchTo(number)));
        const { serving } = await open(projection).read();
        expect([2, 3]).toContain(serving);
        // Whoever was told of success either stayed, or had their turn before the other.
        expect(switches.some(({ status }) => status === "fulfilled")).toBe(true);
        for (const outcome of switches) {
          if (outcome.status === "rejected") expect(outcome.reason).toEqual(refusal);
        }
        await harness.settle?.();
        const readers = await Promise.all([1, 2, 3].map(() => open(projection).read()));
        expect(readers.map((set) => set.serving)).toEqual([serving, serving, serving]);
      }
    });

    it("always has one serving generation that is not retired, whatever is done at once", async () => {
      const operation = fc.record({
        operation: fc.constantFrom<Operation>("begin", "switchTo", "retire", "rollBack"),
        generation: fc.integer({ min: 1, max: 4 }),
      });
      const rounds = fc.array(fc.array(operation, { minLength: 1, maxLength: 4 }), { maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(rounds, fc.boolean(), async (concurrent, settles) => {
          const projection = newProjection();
          let revision = 0;
          for (const operations of concurrent) {
            await Promise.all([
              ...operations.map(async ({ operation: name, generation }) => {
                try {
                  expectSound(await open(projection)[name](generation));
                } catch (error) {
                  if (!isEventSourcingError(error, "GENERATION_REFUSED")) throw error;
                }
              }),
              open(projection).read().then(expectSound),
            ]);
            if (settles) await harness.settle?.();
            const set = await open(projection).read();
            expectSound(set);
            expect(set.revision).toBeGreaterThanOrEqual(revision);
            revision = set.revision;
            expect(await open(projection).read()).toEqual(set);
          }
        }),
        { numRuns: contract.numRuns ?? 20 },
      );
    });
  });
}

function expectSound({ serving, previous, generations }: GenerationSet): void {
  const inState = (state: string) => generations.filter((generation) => generation.state === state);
  expect(inState("serving").map(({ number }) => number)).toEqual([serving]);
  if (previous === null) return;
  expect(inState("standby").map(({ number }) => number)).toContain(previous);
}
