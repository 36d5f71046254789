import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseTenantId, type TenantId } from "../tenancy/tenantId.js";
import { assertAggregateId, MAX_AGGREGATE_ID_LENGTH } from "./aggregateId.js";
import { type AggregateRef, aggregateRefKey } from "./aggregateRef.js";

describe("aggregateRefKey", () => {
  it("is {tenantId}:{aggregateId}", () => {
    expect(aggregateRefKey({ tenantId: parseTenantId("acme"), aggregateId: "4bf92f3577b34da6" })).toBe(
      "acme:4bf92f3577b34da6",
    );
  });

  it.each([
    [undefined, "INVALID_TENANT_ID"],
    [null, "INVALID_TENANT_ID"],
    [{ aggregateId: "a" }, "INVALID_TENANT_ID"],
    [{ tenantId: 7, aggregateId: "a" }, "INVALID_TENANT_ID"],
    [{ tenantId: "", aggregateId: "a" }, "INVALID_TENANT_ID"],
    [{ tenantId: "acme" }, "INVALID_AGGREGATE_ID"],
    [{ tenantId: "acme", aggregateId: "" }, "INVALID_AGGREGATE_ID"],
    [{ tenantId: "acme", aggregateId: 7n }, "INVALID_AGGREGATE_ID"],
  ])("refuses %o by name", (ref, code) => {
    expect(() => aggregateRefKey(ref as unknown as AggregateRef)).toThrow(expect.objectContaining({ code }));
  });

  it("never gives two refs one key", () => {
    const part = fc.string({
      unit: fc.constantFrom(":", "%", "3", "A", "2", "5", "x"),
      minLength: 1,
      maxLength: 6,
    });
    const ref = fc.record({ tenantId: part.map((text) => text as TenantId), aggregateId: part });
    fc.assert(
      fc.property(ref, ref, (a, b) => {
        const same = a.tenantId === b.tenantId && a.aggregateId === b.aggregateId;
        expect(aggregateRefKey(a) === aggregateRefKey(b)).toBe(same);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("assertAggregateId", () => {
  it.each(["a", ":", "/", "%", "'", "\0", "🦊", "x".repeat(10_000)])("accepts %j", (id) => {
    expect(() => assertAggregateId(id)).not.toThrow();
  });

  it.each(["", "\ud800", "x".repeat(MAX_AGGREGATE_ID_LENGTH + 1)])("refuses %j", (id) => {
    expect(() => assertAggregateId(id)).toThrow(expect.objectContaining({ code: "INVALID_AGGREGATE_ID" }));
  });
});
