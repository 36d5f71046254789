import type { ProjectionStore, ProjectionVersion } from "@es/core";
import { projectionStoreContract } from "@es/testkit";
import { describe, expect, it } from "vitest";
import { newTestDatabase } from "../test/testDatabase.js";
import { ProjectionStoreClickHouse } from "./projectionStoreClickHouse.js";
import { projectionsTable } from "./projectionsTable.js";

/** Before each of its own writes the other generation gets the same ids with the greatest version there is. */
function beside(other: ProjectionStore<string, unknown>, store: ProjectionStore<string, unknown>) {
  const greatest = (2n ** 256n - 1n) as ProjectionVersion;
  const beforehand: ProjectionStore<string, unknown>["storeProjections"] = (records, context) =>
    other.storeProjections(
      records.map((record) => ({ ...record, version: greatest, projection: "of the other generation" })),
      context,
    );
  const shadowed: ProjectionStore<string, unknown> = {
    getProjection: (...call) => store.getProjection(...call),
    getProjections: (...call) => store.getProjections(...call),
    async storeProjection(record, context) {
      const storing = store.storeProjection(record, context);
      await Promise.all([storing, beforehand([record], context)]);
    },
    async storeProjections(records, context) {
      const storing = store.storeProjections(records, context);
      await Promise.all([storing, beforehand(records, context)]);
    },
  };
  return shadowed;
}

describe.each([
  { generation: 1, other: 2 },
  { generation: 2, other: 1 },
])("generation $generation while generation $other writes the same ids", ({ generation, other }) => {
  projectionStoreContract({
    name: "ProjectionStoreClickHouse",
    setUp: async () => {
      const db = await newTestDatabase();
      const { client, database } = db;
      const storeOf = (number: number) =>
        new ProjectionStoreClickHouse<unknown>(client, {
          database,
          table: projectionsTable({ name: "orders", generation: number }),
        });
      return { store: beside(storeOf(other), storeOf(generation)), db, tearDown: () => db.drop() };
    },
    settle: ({ db }) => db.optimize("projections"),
    numRuns: 10,
  });
});

describe("projectionsTable", () => {
  it("gives every generation a kind of its own, and the first the plain name", () => {
    const kindOf = (options: Parameters<typeof projectionsTable>[0]) =>
      projectionsTable(options).fixed?.Projection;
    expect(kindOf({})).toBe("default");
    expect(kindOf({ generation: 1 })).toBe("default");
    expect(kindOf({ name: "orders", generation: 12 })).toBe("orders@12");
  });

  it.each([{ name: "orders@2" }, { name: "@0" }, { generation: 0 }, { generation: 1.5 }])(
    "refuses %o",
    (options) => {
      expect(() => projectionsTable(options)).toThrow(expect.objectContaining({ code: "INVALID_OPTIONS" }));
    },
  );
});
