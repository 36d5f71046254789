import { describe, expect, it } from "vitest";
import { accepted } from "../src/accepted.js";
import { recordedFixtures } from "../src/fixture.js";
import { handMadeFixtures } from "../src/handMade.js";
import { acceptanceOf, renderMatrix, rowOf } from "../src/matrix.js";
import { publishedCases } from "../src/published.js";

const recorded = recordedFixtures().map(rowOf);
const handMade = handMadeFixtures().map(rowOf);

describe.each([...recorded, ...handMade])("$fixture.id", ({ fixture, differences }) => {
  it("says what happened, but for what is accepted", () => {
    const unexplained = [...differences].filter(
      ([column, difference]) => acceptanceOf(fixture, column, difference) === undefined,
    );
    expect(Object.fromEntries(unexplained)).toEqual({});
  });
});

describe("the conformance page", () => {
  it("accepts nothing that does not differ", () => {
    const used = new Set(
      [...recorded, ...handMade].flatMap(({ fixture, differences }) =>
        [...differences].map(([column, difference]) => acceptanceOf(fixture, column, difference)),
      ),
    );
    expect(accepted.filter((entry) => !used.has(entry))).toEqual([]);
  });

  it("covers what it promises", () => {
    const packages = new Set(recorded.map(({ fixture }) => fixture.sdk.replace(/@[^@]+$/, "")));
    expect(packages.size).toBeGreaterThanOrEqual(12);
    expect(recorded.length).toBeGreaterThanOrEqual(25);
  });

  it("is up to date", async () => {
    await expect(renderMatrix(recorded, handMade, publishedCases())).toMatchFileSnapshot(
      "../../../docs/conformance.md",
    );
  });
});
