import { createRandom } from "@es/tooling-chaos/system";
import { describe, expect, it } from "vitest";
import { faults, someFaults } from "../src/faults.js";
import { runFaults } from "../src/runFaults.js";
import { describeResults } from "../src/table.js";

const SEED = 11;

describe("a few states of the engines", () => {
  it("are named, cost little, and pass", { timeout: 240_000 }, async () => {
    // Those of which an app can end at once, and that are no other setting of the apps.
    const quick = faults.filter(
      ({ endsWithinMs, environment, each }) =>
        endsWithinMs === undefined && environment === undefined && each === undefined,
    );
    const of = (engine: string) => quick.filter((fault) => fault.engine === engine);
    const many = faults.filter(({ each }) => each !== undefined);
    const lines: string[] = [];
    const { results, failures } = await runFaults({
      faults: [...someFaults(SEED, 1, of("ClickHouse")), ...someFaults(SEED, 1, of("Redis")), ...many],
      mostOfEach: (rows) => createRandom(SEED, "each").shuffle(rows).slice(0, 1),
      brief: true,
      patience: 5,
      onLine: (line) => lines.push(line),
    });
    expect(failures, `${lines.join("\n")}\n${describeResults(results)}`).toEqual([]);
    expect(results).toHaveLength(2 + many.length);
  });
});
