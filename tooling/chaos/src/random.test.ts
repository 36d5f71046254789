import { describe, expect, it } from "vitest";
import { createRandom } from "./random.js";

describe("createRandom", () => {
  const draw = (seed: number, ...names: string[]) => {
    const random = createRandom(seed, ...names);
    return [
      random.integer(1, 1_000_000),
      random.hex(32),
      random.shuffle([1, 2, 3, 4, 5, 6, 7, 8]),
      random.fraction(),
    ];
  };

  it("gives the same choices for the same seed and names, and others for others", () => {
    expect(draw(7, "a")).toEqual(draw(7, "a"));
    expect(draw(7, "a")).not.toEqual(draw(7, "b"));
    expect(draw(7, "a")).not.toEqual(draw(8, "a"));
    expect(draw(7, "a", "b")).not.toEqual(draw(7, "ab"));
  });

  it("keeps within its bounds", () => {
    const random = createRandom(1, "bounds");
    for (let draws = 0; draws < 2_000; draws++) {
      expect([3, 4, 5]).toContain(random.integer(3, 5));
      const fraction = random.fraction();
      expect(fraction >= 0 && fraction < 1).toBe(true);
    }
    expect([...random.shuffle(["a", "b", "c"])].sort()).toEqual(["a", "b", "c"]);
    expect(() => random.pick([])).toThrow(RangeError);
  });
});
