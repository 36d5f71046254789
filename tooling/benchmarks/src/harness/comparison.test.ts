import { describe, expect, it } from "vitest";
import { type Contender, compare, figureOf } from "./comparison.js";

function recorded(calls: string[], name: string, rates: readonly number[]): Contender {
  let round = 0;
  return {
    name,
    role: "ours",
    open: async () => void calls.push(`open ${name}`),
    prepare: async () => void calls.push(`prepare ${name}`),
    async round() {
      calls.push(`round ${name}`);
      const rate = rates[round++];
      if (rate === undefined) throw new Error("no more rounds");
      return { count: rate * 2, seconds: 2, figures: { p99: rate / 10 } };
    },
    close: async () => void calls.push(`close ${name}`),
  };
}

const onRound = () => {};

describe("a comparison", () => {
  it("lets contenders take turns and sums rounds up by their medians", async () => {
    const calls: string[] = [];
    const result = await compare(
      {
        name: "anything",
        unit: "spans",
        contenders: [recorded(calls, "a", [10, 1_000, 20]), recorded(calls, "b", [5, 4, 6])],
        targets: [
          { says: "faster", contender: "a", relativeTo: "b", atLeast: 4 },
          { says: "much faster", contender: "a", relativeTo: "b", atLeast: 4.1 },
          { says: "soon", contender: "a", figure: "p99", atMost: 2 },
        ],
      },
      { rounds: 3, onRound },
    );
    expect(calls).toEqual([
      ...["open a", "open b"],
      ...Array.from({ length: 3 }, () => ["prepare a", "round a", "prepare b", "round b"]).flat(),
      ...["close b", "close a"],
    ]);
    expect(result.contenders[0]?.figures.rate).toEqual({ median: 20, min: 10, max: 1_000 });
    expect(figureOf(result.contenders, "b")).toBe(5);
    expect(result.targets.map(({ value, met }) => [value, met])).toEqual([
      [4, true],
      [4, false],
      [2, true],
    ]);
  });

  it("closes what it opened when a round fails", async () => {
    const calls: string[] = [];
    const comparison = { name: "x", unit: "spans", contenders: [recorded(calls, "a", [])] };
    await expect(compare(comparison, { rounds: 1, onRound })).rejects.toThrow("no more rounds");
    expect(calls.at(-1)).toBe("close a");
  });
});
