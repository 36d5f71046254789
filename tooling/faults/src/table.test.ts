import { readFileSync } from "node:fs";
import { inRepository } from "@es/tooling-chaos/system";
import { describe, expect, it } from "vitest";
import { faults, faultsNamed, someFaults } from "./faults.js";
import type { FaultResult } from "./runFault.js";
import { describeResults, failuresOf, markdownTable } from "./table.js";

const result: FaultResult = {
  name: "full disk",
  engine: "ClickHouse",
  description: "nothing more fits",
  cells: [
    {
      service: "worker",
      cpuPercent: 31.4,
      logLines: 4,
      healthMs: 3,
      readyStatus: 503,
      readyText: '{"checks":{"clickhouse":"No space | left","redis":"ok"}}',
      endedAfterMs: 1_234,
      failures: ["takes 31 % of a core"],
    },
  ],
  requests: { "503": 7, "429": 1 },
  currentAfterMs: null,
  failures: ["all projections are current not"],
};

describe("results", () => {
  it("list every promise that was not kept, with its state and service", () => {
    expect(failuresOf([result])).toEqual([
      "ClickHouse, full disk: all projections are current not",
      "ClickHouse, full disk, worker: takes 31 % of a core",
    ]);
  });

  it("are a table for people", () => {
    expect(describeResults([result])).toMatch(
      /worker +31 % +4 +1\.2 s +503 clickhouse: No space \| left +not/,
    );
  });
});

describe("the table of docs/operations.md", () => {
  it("is what the suite asserts: npm run faults -- --docs writes it", () => {
    const cells = (text: string) => text.replace(/-{3,}/g, "---").replace(/ +/g, " ");
    expect(cells(readFileSync(inRepository("docs/operations.md"), "utf8"))).toContain(
      cells(markdownTable(faults)),
    );
  });
});

describe("choosing states", () => {
  it("goes by part of a name or engine, and refuses what names none", () => {
    expect(faultsNamed(["redis oom", "DISK"]).map(({ name }) => name)).toEqual([
      "full disk",
      "read-only disk",
      "OOM",
    ]);
    expect(() => faultsNamed(["disc"])).toThrow(/There is no fault "disc"; there are wrong password, /);
  });

  it("chooses the same again for the same seed", () => {
    const names = (seed: number) => someFaults(seed, 5).map(({ name }) => name);
    expect(names(4)).toEqual(names(4));
    expect(new Set(Array.from({ length: 20 }, (_, seed) => names(seed).join())).size).toBeGreaterThan(10);
  });
});
