import { explain } from "@es/trace-projection";
import { expect, it } from "vitest";
import { contradictionsOf } from "../../../packages/trace-projection/test/contradictions.js";
import { recordedFixtures, tracesOf } from "../src/fixture.js";
import { handMadeFixtures } from "../src/handMade.js";
import { project } from "../src/project.js";

const fixtures = [...recordedFixtures(), ...handMadeFixtures()];
const everything = { candidates: 10_000, valueCharacters: Number.MAX_SAFE_INTEGER };

it.each(fixtures)("explains what $id is projected to", (fixture) => {
  for (const spans of tracesOf(fixture)) {
    expect(contradictionsOf(explain(spans, everything), project(spans))).toEqual([]);
  }
});
