import { describe, expect, it } from "vitest";
import { faultNames, touchedBy } from "./faultClasses.js";
import { planFaults } from "./schedule.js";

const MINUTES = 3 * 60_000;

describe("planFaults", () => {
  it("plans the same faults again, and others for another seed", () => {
    expect(planFaults({ seed: 3, durationMs: MINUTES })).toEqual(
      planFaults({ seed: 3, durationMs: MINUTES }),
    );
    expect(planFaults({ seed: 4, durationMs: MINUTES })).not.toEqual(
      planFaults({ seed: 3, durationMs: MINUTES }),
    );
  });

  it.each(Array.from({ length: 50 }, (_, seed) => seed + 1))(
    "has every class in a default run: seed %i",
    (seed) => {
      const planned = planFaults({ seed, durationMs: MINUTES });
      expect(new Set(planned.map(({ name }) => name))).toEqual(new Set(faultNames));
    },
  );

  it.each(Array.from({ length: 50 }, (_, seed) => seed + 1))(
    "ends within the load and never breaks one thing in two ways at once: seed %i",
    (seed) => {
      const planned = planFaults({ seed, durationMs: MINUTES });
      for (const [index, fault] of planned.entries()) {
        expect(fault.at + fault.durationMs).toBeLessThan(MINUTES);
        for (const other of planned.slice(index + 1)) {
          const shared = touchedBy(fault).some((target) => touchedBy(other).includes(target));
          if (shared) expect(other.at).toBeGreaterThan(fault.at + fault.durationMs);
        }
      }
    },
  );

  it("keeps to the classes it is given", () => {
    const names = ["flush-redis", "kill-worker"] as const;
    const planned = planFaults({ seed: 9, durationMs: 30_000, names });
    expect(new Set(planned.map(({ name }) => name))).toEqual(new Set(names));
  });
});
