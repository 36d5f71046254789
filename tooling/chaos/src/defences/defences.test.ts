import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { changedFile, changeSource, defences } from "./defences.js";

const changes = defences.flatMap(({ name, changes: list }) => list.map((change) => ({ name, change })));

describe("removing a defence", () => {
  it.each(changes)("$name changes $change.module, which holds its pattern once", ({ change }) => {
    const source = readFileSync(changedFile(change), "utf8");
    const changed = changeSource(source, change);
    expect(changed).not.toBe(source);
    expect(changed).toContain(change.replacement);
  });

  it("refuses a source that does not hold the pattern, or holds it twice", () => {
    const change = { module: "made-up.js", pattern: /guard\(\);/, replacement: "" };
    expect(() => changeSource("work();", change)).toThrow(/matches 0 times in made-up.js/);
    expect(() => changeSource("guard(); guard();", change)).toThrow(/matches 2 times/);
  });
});
