import { describe, expect, it } from "vitest";
import { readDocs } from "./docs.js";
import { faults, faultsNamed, someFaults } from "./faults.js";
import { CPU_PERCENT, CURRENT_MS, type FaultResult, LOG_LINES } from "./runFault.js";
import { assertedRows, describeResults, failuresOf, markdownTable } from "./table.js";

const result: FaultResult = {
  name: "full disk",
  engine: "ClickHouse",
  description: "nothing more fits",
  cells: [
    {
      app: "worker",
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
  it("list every promise that was not kept, with its state and app", () => {
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

async function documentedRows(): Promise<readonly (readonly string[])[]> {
  const [, , ...lines] = (await readDocs()).split("\n");
  return lines.map((line) =>
    line
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim())
      .slice(1, -1),
  );
}

describe("the table of docs/operations.md", () => {
  it("says what the suite asserts: npm run faults -- --docs writes it", async () => {
    const documented = await documentedRows();
    const plain = (cell: string) => cell.replaceAll("\\|", "|").replaceAll("&lt;", "<");
    const asserted = assertedRows(faults);
    expect(documented.map((cells) => cells.slice(0, asserted[0]?.length).map(plain))).toEqual(asserted);
  });

  it("shows what a run measured, within the promises", async () => {
    for (const [i, cells] of (await documentedRows()).entries()) {
      const [cpu = "", lines = "", , current = ""] = cells.slice(-4);
      if (cpu === "not possible here") continue;
      // A worker that works takes what its work takes.
      if (faults[i]?.expected.worker?.status === 503 && faults[i]?.each === undefined)
        expect(Number.parseFloat(cpu), cells.join()).toBeLessThan(CPU_PERCENT);
      expect(Number(lines), cells.join()).toBeLessThanOrEqual(LOG_LINES);
      expect(Number.parseFloat(current) * 1_000, cells.join()).toBeLessThanOrEqual(CURRENT_MS);
    }
  });

  it("shows the worst of all apps, and of all commands in turn", () => {
    const [forbidden] = faults.filter(({ each }) => each !== undefined);
    if (forbidden === undefined) throw new Error("There is no state of many rows.");
    const { engine } = forbidden;
    const [cell] = result.cells;
    if (cell === undefined) throw new Error("There is no cell.");
    const rows = [
      { cpuPercent: 3, logLines: 9, endedAfterMs: null, currentAfterMs: 900 },
      { cpuPercent: 8.6, logLines: 2, endedAfterMs: 1_200, currentAfterMs: 450 },
    ].map(({ currentAfterMs, ...measured }, i) => ({
      ...result,
      name: `forbidden: command${i}`,
      engine,
      currentAfterMs,
      failures: [],
      cells: [{ ...cell, ...measured, failures: [] }],
    }));
    expect(markdownTable([forbidden], rows).split("\n").at(-1)).toMatch(
      /\| 9 % \| 9 \| 1\.2 s \| 0\.9 s \|$/,
    );
    expect(() => markdownTable([forbidden], [])).toThrow('The run has no result of "forbidden" of Redis.');
    expect(() => markdownTable([forbidden], [result])).toThrow(/This run failed:\nClickHouse, full disk: /);
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
