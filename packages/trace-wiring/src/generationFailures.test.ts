import { parseTenantId } from "@es/core";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { generationFailures } from "./generationFailures.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("tells the first of many failures of each generation now and then, and how many it did not tell", () => {
  const told: unknown[] = [];
  const report = generationFailures({ warn: (line: unknown) => void told.push(line) }, "trace");
  const fail = (generation: number, aggregateId: string) =>
    report(new Error("refused"), generation, { tenantId: parseTenantId("acme"), aggregateId });
  for (let i = 0; i < 100; i++) fail(2, `a${i}`);
  fail(3, "b");
  vi.advanceTimersByTime(10_000);
  fail(2, "c");
  expect(told).toEqual([
    expect.objectContaining({ generation: 2, traceId: "a0", untold: 0 }),
    expect.objectContaining({ generation: 3, traceId: "b", untold: 0 }),
    expect.objectContaining({ generation: 2, tenantId: "acme", traceId: "c", untold: 99 }),
  ]);
});
