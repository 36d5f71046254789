import { describe, expect, it } from "vitest";
import { runScenarios } from "../src/harness/report.js";
import { scenarios } from "../src/scenarios/scenarios.js";

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))("%s", (_, scenario) => {
  // How fast is nobody's business here: rounds fail when what they did is not there afterwards.
  it("measures every contender", { timeout: 240_000 }, async () => {
    const lines: string[] = [];
    const report = await runScenarios({
      scenarios: [scenario],
      options: { rounds: 1, secondsPerRound: 0.3, quick: true },
      onProgress: (line) => lines.push(line),
    });
    const comparisons = report.scenarios[0]?.comparisons ?? [];
    expect(comparisons.length).toBeGreaterThan(0);
    for (const { name, contenders, targets } of comparisons) {
      for (const contender of contenders) {
        for (const [figure, { median }] of Object.entries(contender.figures))
          expect(median, `${figure} of ${contender.name} in ${name}`).toBeGreaterThanOrEqual(0);
      }
      for (const { says, value } of targets) expect(value, says).not.toBeNaN();
    }
    expect(lines.join("\n")).toContain("round 1 of 1");
  });
});
