import { randomUUID } from "node:crypto";
import {
  type AggregateRef,
  makeProjectionVersion,
  type ProjectionRecord,
  type ProjectionStore,
  type ProjectionVersion,
  parseTenantId,
} from "@es/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { idArbitrary, jsonArbitrary } from "../events/eventArbitrary.js";
import { hostileIds, hostileTenantIds, refusedIds } from "../hostileIds.js";
import { keptValues, refusedContexts, refusedValues, vandalize } from "./storedValues.js";

export interface ProjectionStoreHarness<TProjection> {
  readonly store: ProjectionStore<string, TProjection>;
  /** Called when the suite is done. */
  tearDown?(): Promise<void>;
}

export interface ProjectionStoreContract<TProjection, THarness extends ProjectionStoreHarness<TProjection>> {
  /** Names the implementation in the test report. */
  readonly name: string;
  setUp(): THarness | Promise<THarness>;
  /**
   * Brings about what the store otherwise does in its own time, such as merges. Given, the suite runs twice: without it,
   * and with it between writes and reads.
   */
  settle?(harness: THarness): Promise<void>;
  /** Puts a projection of the aggregate into the engine, past the store, that the store cannot decode. Version 1. */
  plantUndecodable?(harness: THarness, ref: AggregateRef): Promise<void>;
  /**
   * For a store of projections of its own kind: makes one that carries the given JSON value, and is equal exactly if the
   * given is. @default as given
   */
  makeProjection?(value: unknown, aggregateId: string): TProjection;
  /** Runs of each property test. @default 30 */
  readonly numRuns?: number;
}

/** Tests every promise of `ProjectionStore`. Call it at the top of a test file, once per implementation. */
export function projectionStoreContract<
  TProjection = unknown,
  THarness extends ProjectionStoreHarness<TProjection> = ProjectionStoreHarness<TProjection>,
>(contract: ProjectionStoreContract<TProjection, THarness>): void {
  describe(`${contract.name} keeps the promises of a ProjectionStore`, () => {
    suite(contract, false);
  });
  if (contract.settle !== undefined) {
    describe(`${contract.name} keeps the promises of a ProjectionStore, settled before every read`, () => {
      suite(contract, true);
    });
  }
}

function suite<TProjection, THarness extends ProjectionStoreHarness<TProjection>>(
  contract: ProjectionStoreContract<TProjection, THarness>,
  settled: boolean,
): void {
  let harness: THarness;
  let store: ProjectionStore<string, TProjection>;
  beforeAll(async () => {
    harness = await contract.setUp();
    store = harness.store;
  });
  afterAll(async () => {
    await harness?.tearDown?.();
  });

  const numRuns = contract.numRuns ?? 30;
  const settle = async () => {
    if (settled) await contract.settle?.(harness);
  };
  const newTenant = () => ({ tenantId: parseTenantId(`tenant-${randomUUID()}`) });
  const make = (
    fields: { readonly aggregateId?: string; readonly version?: bigint; readonly value?: unknown } = {},
  ): ProjectionRecord<string, TProjection> => {
    const { aggregateId = "aggregate-1", version = 5n, value = { some: "value" } } = fields;
    return {
      aggregateId,
      version: version as ProjectionVersion,
      projection: contract.makeProjection?.(value, aggregateId) ?? (value as TProjection),
      metadata: { eventCount: 3, firstEventTimestamp: "1", lastEventTimestamp: "18446744073709551615" },
    };
  };
  const found = (record: ProjectionRecord<string, TProjection>) => ({ status: "found", record });

  describe("storing and reading", () => {
    it("returns what was stored as soon as the store has resolved", async () => {
      const context = newTenant();
      for (let i = 1n; i <= 5n; i++) {
        const record = make({ version: i, value: String(i) });
        await store.storeProjection(record, context);
        await settle();
        expect(await store.getProjection("aggregate-1", context)).toEqual(found(record));
      }
    });

    it("says absent where nothing was stored", async () => {
      expect(await store.getProjection("unknown", newTenant())).toEqual({ status: "absent" });
    });

    it("stores many in one call, and accepts none", async () => {
      const context = newTenant();
      const records = Array.from({ length: 300 }, (_, i) => make({ aggregateId: `a${i}`, value: i }));
      await store.storeProjections([], context);
      await store.storeProjections(records, context);
      await settle();
      const read = await store.getProjections(
        records.map(({ aggregateId }) => aggregateId),
        context,
      );
      expect(records.map(({ aggregateId }) => read.get(aggregateId))).toEqual(records.map(found));
    });

    it("has an entry for every id asked for: known, unknown and repeated", async () => {
      const context = newTenant();
      const record = make({ aggregateId: "a" });
      await store.storeProjection(record, context);
      await settle();
      const read = await store.getProjections(["unknown", "a", "a", "unknown"], context);
      expect(new Map(read)).toEqual(
        new Map<string, unknown>([
          ["unknown", { status: "absent" }],
          ["a", found(record)],
        ]),
      );
      expect((await store.getProjections([], context)).size).toBe(0);
    });

    it.each([
      ["nested objects", { a: { b: [{ c: [[], {}, [{}]] }] } }],
      ["empty values", { text: "", zero: 0, no: false, nothing: null, list: [], object: {} }],
      ["null", null],
      ["an empty string", ""],
      ["numbers", [0.1, 1e21, 5e-324, 1.7976931348623157e308, 2 ** 53]],
      ["unicode", { "ключ 😀": "e\u0301 é \u202e 👩‍👩‍👧‍👦 \uffff" }],
      ["control characters", "\u0000\u0001\b\t\n\r\u001f\u007f\u2028\u2029"],
      ["quotes and backslashes", `'"\`\\ \\n \\u0041 {{}} $& %s {a:String}`],
      ["names with a meaning", JSON.parse('{"__proto__":{"x":1},"constructor":1,"":2}')],
      ["a megabyte of text", "x😀".repeat(200_000)],
    ])("keeps projections exactly: %s", async (_, value) => {
      const context = newTenant();
      const record = make({ value });
      await store.storeProjection(record, context);
      await settle();
      expect(await store.getProjection("aggregate-1", context)).toEqual(found(record));
    });

    if (contract.makeProjection === undefined) {
      it.each(keptValues)("keeps projections and metadata exactly: %s", async (_, value) => {
        const context = newTenant();
        const record = { ...make({ value }), metadata: { ...make().metadata, value } };
        await store.storeProjection(record, context);
        await settle();
        expect(await store.getProjection("aggregate-1", context)).toEqual(found(record));
      });

      it.each([...refusedValues, { value: undefined, path: "", fault: "undefined" }])(
        "refuses a projection that is $fault, with the path to it, before anything is written",
        async ({ value, path }) => {
          const context = newTenant();
          const bad = { ...make({ aggregateId: "bad" }), projection: value as TProjection };
          const invalid = expect.objectContaining({
            code: "INVALID_PROJECTION",
            retryable: false,
            message: expect.stringContaining(`projection${path} `),
          });
          await expect(store.storeProjection(bad, context)).rejects.toEqual(invalid);
          await expect(store.storeProjections([make(), bad], context)).rejects.toEqual(invalid);
          await settle();
          expect(await store.getProjection("aggregate-1", context)).toEqual({ status: "absent" });
        },
      );
    }

    it.each(refusedValues)(
      "refuses metadata that is $fault, with the path to it, before anything is written",
      async ({ value, path }) => {
        const context = newTenant();
        const bad = { ...make({ aggregateId: "bad" }), metadata: { ...make().metadata, value } };
        await expect(store.storeProjections([make(), bad], context)).rejects.toEqual(
          expect.objectContaining({
            code: "INVALID_PROJECTION",
            message: expect.stringContaining(`metadata.value${path} `),
          }),
        );
        await settle();
        expect(await store.getProjection("aggregate-1", context)).toEqual({ status: "absent" });
      },
    );

    it("gives each caller a projection that nobody else can change", async () => {
      const context = newTenant();
      const record = make({ value: { list: [1, { deep: "value" }] } });
      await store.storeProjection(record, context);
      await settle();
      const read = () => store.getProjection("aggregate-1", context);
      const [first, second] = await Promise.all([read(), read()]);
      vandalize(first);
      expect(second).toEqual(found(record));
      expect(await read()).toEqual(found(record));
    });

    it("keeps metadata, also what hooks added", async () => {
      const context = newTenant();
      const record = {
        ...make(),
        metadata: {
          eventCount: 0,
          firstEventTimestamp: null,
          lastEventTimestamp: null,
          added: { by: ["a hook"] },
        },
      };
      await store.storeProjection(record, context);
      await settle();
      expect(await store.getProjection("aggregate-1", context)).toEqual(found(record));
    });

    it("keeps its values from later changes by the caller", async () => {
      const context = newTenant();
      const value = { list: [1] };
      const record = make({ value });
      const expected = structuredClone(record);
      const storing = store.storeProjection(record, context);
      value.list.push(2);
      await storing;
      const read = await store.getProjection("aggregate-1", context);
      expect(read).toEqual(found(expected));
      try {
        // A store may hand out frozen values or values of the caller's own; never its own.
        if (read.status === "found") (read.record.projection as { list: number[] }).list?.push(4);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
      }
      expect(await store.getProjection("aggregate-1", context)).toEqual(found(expected));
    });
  });

  describe("versions", () => {
    it("never lets a smaller replace a greater", async () => {
      const context = newTenant();
      await store.storeProjection(make({ version: 2n, value: "newer" }), context);
      await settle();
      await store.storeProjection(make({ version: 1n, value: "older" }), context);
      await settle();
      expect(await store.getProjection("aggregate-1", context)).toEqual(
        found(make({ version: 2n, value: "newer" })),
      );
    });

    it("compares all 256 bits, and gives them back", async () => {
      const context = newTenant();
      const versions = [
        0n,
        1n,
        9n,
        10n,
        2n ** 53n,
        2n ** 53n + 1n,
        2n ** 63n,
        2n ** 64n,
        2n ** 128n,
        2n ** 255n,
        2n ** 256n - 1n,
      ];
      for (const [i, greater] of versions.entries()) {
        const aggregateId = `a${i}`;
        await store.storeProjection(make({ aggregateId, version: greater, value: "greatest" }), context);
        await store.storeProjections(
          versions.slice(0, i).map((version) => make({ aggregateId, version, value: "smaller" })),
          context,
        );
      }
      await settle();
      for (const [i, version] of versions.entries()) {
        expect(await store.getProjection(`a${i}`, context)).toEqual(
          found(make({ aggregateId: `a${i}`, version, value: "greatest" })),
        );
      }
    });

    it("takes several versions of one aggregate in one call", async () => {
      const context = newTenant();
      await store.storeProjections(
        [2n, 4n, 3n].map((version) => make({ version, value: String(version) })),
        context,
      );
      await settle();
      expect(await store.getProjection("aggregate-1", context)).toEqual(
        found(make({ version: 4n, value: "4" })),
      );
    });

    it("may be stored again as they are", async () => {
      const context = newTenant();
      for (let i = 0; i < 3; i++) await store.storeProjection(make(), context);
      await settle();
      expect(await store.getProjection("aggregate-1", context)).toEqual(found(make()));
    });

    it("read as the greatest, whatever the order and grouping of puts and when the engine settles", async () => {
      const put = fc.record({
        parts: fc.record({
          eventCount: fc.nat({ max: 3 }),
          acceptedSum: fc.bigInt({ min: 0n, max: 3n }),
          handlerVersion: fc.nat({ max: 2 }),
          revision: fc.nat({ max: 2 }),
        }),
        endsCall: fc.boolean(),
        settles: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(put, { minLength: 1, maxLength: 12 }),
          jsonArbitrary(),
          async (puts, value) => {
            const context = newTenant();
            let call: ProjectionRecord<string, TProjection>[] = [];
            let greatest = 0n;
            for (const { parts, endsCall, settles } of puts) {
              const version = makeProjectionVersion(parts);
              if (version > greatest) greatest = version;
              call.push(make({ version, value: [String(version), value] }));
              if (!endsCall) continue;
              await store.storeProjections(call, context);
              call = [];
              if (settles) await settle();
            }
            await store.storeProjections(call, context);
            await settle();
            expect(await store.getProjection("aggregate-1", context)).toEqual(
              found(make({ version: greatest, value: [String(greatest), value] })),
            );
          },
        ),
        { numRuns },
      );
    });

    it("read as the greatest after concurrent puts, and never go back meanwhile", async () => {
      const context = newTenant();
      const versions = Array.from({ length: 30 }, (_, i) => BigInt((i * 7) % 30));
      await Promise.all(
        versions.map(async (version) => {
          await store.storeProjection(make({ version, value: String(version) }), context);
          const read = await store.getProjection("aggregate-1", context);
          expect(read.status === "found" && read.record.version >= version).toBe(true);
        }),
      );
      await settle();
      expect(await store.getProjection("aggregate-1", context)).toEqual(
        found(make({ version: 29n, value: "29" })),
      );
    });

    it("never go back for any reader, whatever is put and settled at the same time", async () => {
      const parts = fc.record({
        eventCount: fc.nat({ max: 3 }),
        acceptedSum: fc.bigInt({ min: 0n, max: 3n }),
        handlerVersion: fc.nat({ max: 2 }),
        revision: fc.nat({ max: 2 }),
      });
      const action = fc.oneof(
        { weight: 4, arbitrary: parts.map(makeProjectionVersion) },
        { weight: 1, arbitrary: fc.constant("settle" as const) },
      );
      const rounds = fc.array(fc.array(action, { minLength: 1, maxLength: 6 }), {
        minLength: 1,
        maxLength: 5,
      });
      await fc.assert(
        fc.asyncProperty(rounds, async (atOnce) => {
          const context = newTenant();
          const seen = async () => {
            const read = await store.getProjection("aggregate-1", context);
            if (read.status === "absent") return -1n;
            // Equal versions carry equal projections; a row never carries another's.
            if (read.status === "found") {
              const { version } = read.record;
              expect(read).toEqual(found(make({ version, value: String(version) })));
            }
            return read.status === "found" ? read.record.version : expect.fail(read.reason);
          };
          let acknowledged = -1n;
          for (const actions of atOnce) {
            let writing = true;
            const writes = Promise.all(
              actions.map(async (version) => {
                if (version === "settle") return settle();
                await store.storeProjection(make({ version, value: String(version) }), context);
                expect((await seen()) >= version).toBe(true);
              }),
            ).finally(() => {
              writing = false;
            });
            const watch = async () => {
              let last: bigint = acknowledged;
              do {
                const now: bigint = await seen();
                expect(now >= last).toBe(true);
                last = now;
              } while (writing);
            };
            await Promise.all([writes, watch(), watch()]);
            for (const version of actions) {
              if (version !== "settle" && version > acknowledged) acknowledged = version;
            }
            expect(await seen()).toBe(acknowledged);
          }
        }),
        { numRuns: Math.ceil(numRuns / 2) },
      );
    });

    it.each([-1n, 2n ** 256n])("are refused outside 256 bits: %s", async (version) => {
      const context = newTenant();
      const puts = [make({ aggregateId: "good" }), make({ version })];
      await expect(store.storeProjections(puts, context)).rejects.toEqual(
        expect.objectContaining({ code: "INVALID_OPTIONS" }),
      );
      await settle();
      expect(await store.getProjection("good", context)).toEqual({ status: "absent" });
    });
  });

  describe("hostile ids", () => {
    it("keeps projections of hostile ids exactly and apart", async () => {
      const context = newTenant();
      const records = hostileIds.map((aggregateId, i) => make({ aggregateId, value: i }));
      await store.storeProjections(records, context);
      await settle();
      const single = await Promise.all(hostileIds.map((id) => store.getProjection(id, context)));
      expect(single).toEqual(records.map(found));
      const many = await store.getProjections(hostileIds, context);
      expect(hostileIds.map((id) => many.get(id))).toEqual(single);
    });

    it("keeps any ids exactly", async () => {
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(idArbitrary(), { minLength: 1, maxLength: 10 }), async (ids) => {
          const context = newTenant();
          const records = ids.map((aggregateId) => make({ aggregateId, value: aggregateId }));
          await store.storeProjections(records, context);
          await settle();
          const read = await store.getProjections(ids, context);
          expect(ids.map((id) => read.get(id))).toEqual(records.map(found));
        }),
        { numRuns },
      );
    });

    it.each(refusedIds)(
      "refuses an aggregate id that is $fault, before anything is written",
      async ({ id }) => {
        const context = newTenant();
        const invalid = expect.objectContaining({ code: "INVALID_AGGREGATE_ID", retryable: false });
        await expect(store.storeProjection(make({ aggregateId: id }), context)).rejects.toEqual(invalid);
        await expect(store.storeProjections([make(), make({ aggregateId: id })], context)).rejects.toEqual(
          invalid,
        );
        await expect(store.getProjection(id, context)).rejects.toEqual(invalid);
        await expect(store.getProjections(["aggregate-1", id], context)).rejects.toEqual(invalid);
        await settle();
        expect(await store.getProjection("aggregate-1", context)).toEqual({ status: "absent" });
      },
    );
  });

  describe("tenants", () => {
    it.each(refusedContexts)("refuses every call of nobody: %s in place of a tenant", async (_, given) => {
      const context = given as ReturnType<typeof newTenant>;
      const calls = [
        () => store.storeProjection(make(), context),
        () => store.storeProjections([make()], context),
        () => store.storeProjections([], context),
        () => store.getProjection("aggregate-1", context),
        () => store.getProjections(["aggregate-1"], context),
        () => store.getProjections([], context),
      ];
      for (const call of calls) {
        await expect(call()).rejects.toEqual(
          expect.objectContaining({ code: "INVALID_TENANT_ID", retryable: false }),
        );
      }
    });

    it("never meet, also with equal aggregate ids", async () => {
      const [one, other] = [newTenant(), newTenant()];
      const mine = make({ value: "mine" });
      const theirs = make({ value: "theirs", version: 6n });
      await store.storeProjection(mine, one);
      await store.storeProjections([theirs, make({ aggregateId: "only-theirs" })], other);
      await settle();
      expect(await store.getProjection("aggregate-1", one)).toEqual(found(mine));
      expect(await store.getProjection("aggregate-1", other)).toEqual(found(theirs));
      expect(await store.getProjection("only-theirs", one)).toEqual({ status: "absent" });
      expect((await store.getProjections(["only-theirs"], one)).get("only-theirs")).toEqual({
        status: "absent",
      });
    });

    it("never meet whatever their ids hold, used at once", async () => {
      const suffix = randomUUID();
      const contexts = hostileTenantIds.map((id) => ({ tenantId: parseTenantId(`${id}${suffix}`) }));
      await Promise.all(contexts.map((context, i) => store.storeProjection(make({ value: i }), context)));
      await settle();
      const read = await Promise.all(contexts.map((context) => store.getProjection("aggregate-1", context)));
      expect(read).toEqual(contexts.map((_, i) => found(make({ value: i }))));
      const many = await Promise.all(
        contexts.map((context) => store.getProjections(["aggregate-1"], context)),
      );
      expect(many.map((reads) => reads.get("aggregate-1"))).toEqual(read);
    });
  });

  const { plantUndecodable } = contract;
  if (plantUndecodable !== undefined) {
    describe("a projection that cannot be decoded", () => {
      it("is neither absent nor found, hurts no other, and heals with the next greater version", async () => {
        const context = newTenant();
        const good = make({ aggregateId: "good" });
        await store.storeProjection(good, context);
        await plantUndecodable(harness, { ...context, aggregateId: "broken" });
        await settle();
        const undecodable = {
          status: "undecodable",
          reason: expect.stringMatching(/./),
          version: expect.any(BigInt),
        };
        const [broken, neighbour] = await Promise.all([
          store.getProjection("broken", context),
          store.getProjection("good", context),
        ]);
        expect(broken).toEqual(undecodable);
        expect(neighbour).toEqual(found(good));
        const many = await store.getProjections(["good", "broken"], context);
        expect(many.get("broken")).toEqual(undecodable);
        expect(many.get("good")).toEqual(found(good));

        const healed = make({ aggregateId: "broken", version: 2n });
        await store.storeProjection(healed, context);
        await settle();
        expect(await store.getProjection("broken", context)).toEqual(found(healed));
      });
    });
  }
}
