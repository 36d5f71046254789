import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { ComparisonResult, ContenderResult } from "../harness/comparison.js";
import type { Report } from "../harness/report.js";
import { inRepository } from "../harness/repository.js";
import { defaultScenarios } from "../scenarios/scenarios.js";
import { placesIn, writeFigures } from "./figures.js";

const page = readFileSync(inRepository("docs/performance.md"), "utf8");

const contender = (name: string, rate: number, micros: number): ContenderResult => ({
  name,
  role: "ours",
  figures: { rate: { median: rate, min: rate / 2, max: rate * 2 } },
  processes: {
    ingest: {
      cpuMicroseconds: { median: micros, min: micros, max: micros },
      cores: { median: 0.5, min: 0.5, max: 0.5 },
      maxRssBytes: 2 ** 28,
    },
  },
});
const comparison: ComparisonResult = {
  name: "anything",
  unit: "spans",
  figures: {},
  rounds: 3,
  contenders: [contender("ours", 12_345, 48)],
  targets: [{ says: "at least 10 000", value: 12_345, met: true }],
};
const report: Report = {
  machine: { cpu: "a | b", cores: 2, memoryBytes: 2 ** 33, system: "Linux", node: "v20" },
  engines: { ClickHouse: "26" },
  options: { rounds: 3, secondsPerRound: 2, quick: false },
  scenarios: defaultScenarios.map(({ name, title, about }) => ({
    name,
    title,
    about,
    seconds: 1,
    comparisons: [comparison],
  })),
};

describe("the page of figures", () => {
  it("has a place for each scenario of a whole run", () => {
    const expected = ["machine", "targets", ...defaultScenarios.map(({ name }) => name), "million"];
    expect(placesIn(page).toSorted()).toEqual(expected.toSorted());
  });

  it("takes the figures of a report, again and again", () => {
    const written = writeFigures(page, report);
    expect(written).toContain("| ours | 12 345 (6 173–24 690) |");
    expect(written).toContain("- met: at least 10 000: 12 345");
    // 48 µs are 48 cores for a million, and those are five nodes of 16 that are 60 % busy.
    expect(written).toContain("| ingest | 48 | 48 | 5 |");
    expect(writeFigures(written, report)).toBe(written);
  });

  it("has no place without figures", () => {
    expect(() => writeFigures(page, { ...report, scenarios: [] })).toThrow("no scenario");
  });

  it("shows the figures of the run that is beside it, or none", () => {
    const file = inRepository("docs/performance.json");
    if (existsSync(file)) {
      const measured: Report = JSON.parse(readFileSync(file, "utf8"));
      expect(measured.options.quick).toBe(false);
      expect(page).toBe(writeFigures(page, measured));
    } else {
      const places = placesIn(page).map((name) => `<!-- figures: ${name} -->\n<!-- /figures -->`);
      for (const place of places) expect(page).toContain(place);
    }
  });
});
