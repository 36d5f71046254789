import {
  type AggregateRef,
  createEventSourcingPipeline,
  type Event,
  EventSourcingError,
  parseTenantId,
} from "@es/core";
import {
  compareGenerations,
  findGenerationGap,
  type GenerationChange,
  GenerationOperations,
  type LaggingAggregate,
  type LagSource,
  ProjectionGenerations,
} from "@es/processing";
import { contractEvent } from "@es/testkit";
import { beforeEach, describe, expect, it } from "vitest";
import { EventStoreMemory, ProjectionStoreMemory } from "./index.js";

type Projection = Readonly<Record<string, unknown>>;

const [acme, other] = [parseTenantId("acme"), parseTenantId("other")];
const ref = (aggregateId: string, tenantId = acme): AggregateRef => ({ tenantId, aggregateId });

let events: EventStoreMemory<Event>;
let stores: ProjectionStoreMemory<Projection>[];
beforeEach(() => {
  events = new EventStoreMemory<Event>();
  stores = [1, 2].map(() => new ProjectionStoreMemory<Projection>());
});
const storeOf = (generation: number) => stores[generation - 1] as ProjectionStoreMemory<Projection>;

async function make(generation: number, { tenantId, aggregateId }: AggregateRef, projection: Projection) {
  const { service } = createEventSourcingPipeline({
    eventStore: events,
    projectionStore: storeOf(generation),
    eventHandler: { version: generation, handle: () => projection },
  });
  const context = { tenantId };
  await service.rebuildProjection(aggregateId, {
    eventStoreContext: context,
    projectionStoreContext: context,
  });
}
const store = (of: AggregateRef, id = "event-1") =>
  events.storeEvents([contractEvent({ id, aggregateId: of.aggregateId })], { tenantId: of.tenantId });

describe("compareGenerations", () => {
  const compare = (refs: readonly AggregateRef[], options = {}) =>
    compareGenerations({ from: storeOf(1), to: storeOf(2), refs, batchSize: 2, ...options });

  it("counts every aggregate once, and tells which fields differ", async () => {
    const refs = ["same", "tokens", "both", "behind", "old", "new", "nowhere"].map((id) => ref(id));
    for (const of of refs.slice(0, 6)) await store(of);
    await make(1, ref("same"), { tokens: 1, models: ["a"] });
    await make(2, ref("same"), { tokens: 1, models: ["a"] });
    await make(1, ref("tokens"), { tokens: 1 });
    await make(2, ref("tokens"), { tokens: 2 });
    await make(1, ref("both"), { tokens: 1, models: ["a"] });
    await make(2, ref("both"), { tokens: 2, models: ["b"] });
    await make(2, ref("behind"), { tokens: 9 });
    await store(ref("behind"), "event-2");
    await make(1, ref("behind"), { tokens: 8 });
    await make(1, ref("old"), {});
    await make(2, ref("new"), {});
    expect(await compare(refs)).toEqual({
      compared: 7,
      same: 1,
      different: 2,
      unequalEvents: 1,
      onlyFrom: 1,
      onlyTo: 1,
      inNeither: 1,
      undecodable: 0,
      fields: [
        {
          field: "/tokens",
          count: 2,
          examples: [
            { tenantId: "acme", aggregateId: "tokens", from: "1", to: "2" },
            { tenantId: "acme", aggregateId: "both", from: "1", to: "2" },
          ],
        },
        {
          field: "/models",
          count: 1,
          examples: [{ tenantId: "acme", aggregateId: "both", from: '["a"]', to: '["b"]' }],
        },
      ],
      otherFields: 0,
    });
  });

  it("keeps tenants with equal ids apart", async () => {
    const refs = [ref("a"), ref("a", other)];
    for (const of of refs) await store(of);
    await make(1, ref("a"), { of: "acme" });
    await make(2, ref("a"), { of: "acme" });
    await make(1, ref("a", other), { of: "other" });
    await make(2, ref("a", other), { of: "changed" });
    expect(await compare(refs)).toMatchObject({
      same: 1,
      different: 1,
      fields: [{ field: "/of", examples: [{ tenantId: "other", from: '"other"', to: '"changed"' }] }],
    });
  });

  it("stays small whatever differs: fields, examples and values are bounded", async () => {
    const refs = Array.from({ length: 20 }, (_, i) => ref(`a${i}`));
    for (const [i, of] of refs.entries()) {
      await store(of);
      await make(1, of, { [`field-${i}`]: "x".repeat(10_000), common: 1 });
      await make(2, of, { common: 2 });
    }
    const report = await compare(refs, { maxFields: 5, maxExamples: 2 });
    expect(report.fields).toHaveLength(5);
    expect(report.fields[0]).toMatchObject({ field: "/common", count: 20 });
    expect(report.fields[0]?.examples).toHaveLength(2);
    expect(report.fields[1]?.examples[0]?.from).toHaveLength(201);
    expect(report.otherFields).toBe(16);
  });
});

const lags = (of: AggregateRef): LaggingAggregate => ({
  ...of,
  storedEvents: 1,
  projectedEvents: 0,
  laggingSince: 0n,
  lagMs: 0,
});

describe("findGenerationGap", () => {
  /** Lists what it is given, two at a time. */
  const lagOf = (refs: readonly AggregateRef[]): LagSource => ({
    async listLagging(options) {
      const at = Number(options?.cursor ?? 0);
      return {
        items: refs.slice(at, at + 2).map(lags),
        nextCursor: at + 2 < refs.length ? String(at + 2) : null,
      };
    },
  });
  const gap = (refs: readonly AggregateRef[], graceMs = 0) =>
    findGenerationGap({ lag: lagOf(refs), serving: storeOf(1), candidate: storeOf(2), graceMs });

  it("is what would go back to an older state, and nothing that lags in both", async () => {
    const refs = ["missing", "older", "equal", "in-neither", "only-candidate"].map((id) => ref(id));
    for (const of of refs) await store(of);
    await make(2, ref("older"), {});
    await make(2, ref("equal"), {});
    await make(1, ref("equal"), {});
    await make(2, ref("only-candidate"), {});
    await make(1, ref("missing"), {});
    await store(ref("older"), "event-2");
    await make(1, ref("older"), {});
    // Neither has seen this one.
    await store(ref("equal"), "event-2");
    expect(await gap(refs)).toEqual({
      behind: 2,
      isComplete: true,
      examples: [ref("missing"), ref("older")],
    });
  });

  it("waits for what is under way", async () => {
    await store(ref("a"));
    await make(1, ref("a"), {});
    const waiting = gap([ref("a")], 20_000);
    await make(2, ref("a"), {});
    expect(await waiting).toEqual({ behind: 0, isComplete: true, examples: [] });
  });

  it("does not look for all when there are many", async () => {
    const refs = Array.from({ length: 1_100 }, (_, i) => ref(`a${i}`));
    for (const of of refs) {
      await store(of);
      await make(1, of, {});
    }
    expect(await gap(refs)).toMatchObject({ behind: 1_000, isComplete: false });
    expect((await gap(refs)).examples).toHaveLength(10);
  });
});

describe("GenerationOperations", () => {
  let prepared: number[];
  let dropped: number[];
  let lagging: AggregateRef[];
  let operations: GenerationOperations;
  beforeEach(() => {
    prepared = [];
    dropped = [];
    lagging = [];
    operations = new GenerationOperations({
      generations: new ProjectionGenerations({
        eventStore: new EventStoreMemory<GenerationChange>(),
        projection: "orders",
      }),
      runnable: [1, 2],
      storage: {
        prepare: async (generation) => void prepared.push(generation),
        storeOf,
        lagOf: () => ({ listLagging: async () => ({ items: lagging.map(lags), nextCursor: null }) }),
        sample: async function* (_, sample) {
          if (sample !== "all") yield* [ref("a"), ref("b")].slice(0, sample.size);
          else yield* [ref("a"), ref("b"), ref("c")];
        },
        drop: async (generation) => void dropped.push(generation),
      },
    });
  });
  const refusal = (message: RegExp) =>
    expect.objectContaining({ code: "GENERATION_REFUSED", message: expect.stringMatching(message) });

  it("builds, compares, switches, rolls back, retires and drops", async () => {
    await operations.begin(2);
    expect(prepared).toEqual([2]);
    for (const of of [ref("a"), ref("b"), ref("c")]) {
      await store(of);
      await make(1, of, { n: 1 });
      await make(2, of, { n: of.aggregateId === "c" ? 2 : 1 });
    }
    expect(await operations.compare({ to: 2 })).toMatchObject({ compared: 2, same: 2 });
    expect(await operations.compare({ to: 2, sample: "all" })).toMatchObject({ compared: 3, different: 1 });
    expect(await operations.compare({ to: 2, refs: [ref("c")] })).toMatchObject({
      compared: 1,
      different: 1,
    });
    expect((await operations.switchTo(2)).serving).toBe(2);
    expect((await operations.rollBack()).serving).toBe(1);
    await operations.retire(2);
    await operations.drop(2, { settleMs: 20 });
    expect(dropped).toEqual([2]);
  });

  it("refuses to switch to what is behind, unless forced", async () => {
    await operations.begin(2);
    await store(ref("a"));
    await make(1, ref("a"), {});
    lagging = [ref("a")];
    await expect(operations.switchTo(2, { graceMs: 300 })).rejects.toEqual(
      refusal(/behind .* 1 aggregates .*\["acme","a"\]/),
    );
    expect((await operations.list()).serving).toBe(1);
    expect((await operations.switchTo(2, { force: true })).serving).toBe(2);
  });

  it("refuses what cannot be, before anything is made or removed", async () => {
    await expect(operations.begin(3)).rejects.toEqual(refusal(/handlers for 1, 2, none for generation 3/));
    await expect(operations.compare({ to: 2 })).rejects.toEqual(refusal(/no generation 2/));
    await expect(operations.switchTo(2)).rejects.toEqual(refusal(/no generation 2/));
    await expect(operations.drop(1)).rejects.toEqual(refusal(/serving/));
    await expect(operations.drop(2)).rejects.toEqual(refusal(/unknown/));
    await operations.begin(2);
    await operations.switchTo(2, { force: true });
    await operations.retire(1);
    await expect(operations.compare({ from: 1, to: 2 })).rejects.toEqual(refusal(/retired/));
    expect(prepared).toEqual([2]);
    expect(dropped).toEqual([]);
    await expect(operations.begin(1)).rejects.toBeInstanceOf(EventSourcingError);
  });
});
