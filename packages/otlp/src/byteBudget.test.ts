import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteBudget } from "./byteBudget.js";

describe("a budget of bytes", () => {
  it("gives one tenant its share, and no more", () => {
    const budget = new ByteBudget(100, 50);
    const noisy = budget.shareOf("noisy");
    expect(noisy.take(50)).toBeUndefined();
    expect(noisy.take(1)).toBe("over_share");
    noisy.release(50);
    expect(budget.used).toBe(0);
    expect(noisy.take(50)).toBeUndefined();
  });

  it("says when all of it is held", () => {
    const budget = new ByteBudget(100);
    expect(budget.shareOf("noisy").take(100)).toBeUndefined();
    expect(budget.shareOf("quiet").take(1)).toBe("over_limit");
  });

  it("leaves room for a quiet tenant, however many flood", () => {
    const limit = 1_000_000;
    const budget = new ByteBudget(limit, limit / 2);
    for (let tenant = 0; tenant < 10; tenant++) {
      const share = budget.shareOf(`noisy ${tenant}`);
      while (share.take(100) === undefined);
    }
    expect(budget.shareOf("quiet").take(100)).toBeUndefined();
  });

  it("never gives more than there is, nor a tenant more than its share, and gets everything back", () => {
    const step = fc.record({
      tenant: fc.constantFrom("a", "b", "c"),
      bytes: fc.nat({ max: 60 }),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(step), (share, steps) => {
        const budget = new ByteBudget(100, share);
        const held = new Map<string, number[]>();
        for (const { tenant, bytes, release } of steps) {
          const taken = held.get(tenant) ?? [];
          held.set(tenant, taken);
          if (release) budget.shareOf(tenant).release(taken.pop() ?? 0);
          else if (budget.shareOf(tenant).take(bytes) === undefined) taken.push(bytes);
          const sums = [...held.values()].map((list) => list.reduce((sum, n) => sum + n, 0));
          expect(budget.used).toBe(sums.reduce((sum, n) => sum + n, 0));
          expect(budget.used).toBeLessThanOrEqual(100);
          expect(Math.max(...sums)).toBeLessThanOrEqual(share);
        }
        for (const [tenant, taken] of held) for (const bytes of taken) budget.shareOf(tenant).release(bytes);
        expect(budget.used).toBe(0);
        expect(budget.shareOf("d").take(share)).toBeUndefined();
      }),
    );
  });
});
