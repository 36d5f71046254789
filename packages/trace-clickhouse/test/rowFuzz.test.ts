import { expect, it } from "vitest";
import { fuzzRows } from "../fuzz/fuzzRows.js";
import { newTestDatabase } from "./testDatabase.js";

it("reads changed rows as what they are or as undecodable, and never harms their neighbours", {
  timeout: 300_000,
}, async () => {
  const db = await newTestDatabase();
  try {
    const report = await fuzzRows({ client: db.client, database: db.database, seed: 7, rows: 120 });
    expect(report.faults).toEqual([]);
    // Both happen, or nothing was tried.
    expect(report.written).toBeGreaterThan(60);
    expect(report.undecodable).toBeGreaterThan(5);
    expect(report.valid).toBeGreaterThan(100);
  } finally {
    await db.drop();
  }
});
