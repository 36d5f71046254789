import { describe, expect, it } from "vitest";
import { runChaos } from "../src/chaosRun.js";
import { describeOffences, describeReport, promisesKept } from "../src/table.js";

describe("a minute of chaos", () => {
  it("breaks no promise", { timeout: 240_000 }, async () => {
    const lines: string[] = [];
    const report = await runChaos({
      seed: 20,
      seconds: 45,
      everyMs: 2_500,
      onLine: (line) => lines.push(line),
    });
    const told = `${lines.join("\n")}\n${describeReport(report)}\n${describeOffences(report)}\nLogs: ${report.logs}`;
    expect(promisesKept(report), told).toBe(true);
    // A run in which nothing happened would keep every promise, too.
    expect(report.spans.acknowledged, told).toBeGreaterThan(1_000);
    expect(Object.keys(report.faults.injected).length, told).toBeGreaterThan(8);
  });
});
