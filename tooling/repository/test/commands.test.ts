import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { documents } from "./markdown.js";
import { root } from "./workspace.js";

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly scripts: Readonly<Record<string, string>>;
};

describe("commands of the documentation", () => {
  it.each([...documents(), "CONTRIBUTING.md"])("of %s are scripts that there are", (document) => {
    const text = readFileSync(join(root, document), "utf8");
    const named = [...text.matchAll(/\bnpm (?:run (?:--silent )?([a-z:]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? "",
    );
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
  });

  it("install what they need, so that each may be the first on a fresh clone", () => {
    const others = Object.entries(scripts).filter(([, command]) => !command.startsWith("node tooling/run/"));
    expect(others).toEqual([]);
    for (const command of Object.values(scripts)) {
      const script = readFileSync(join(root, command.split(" ")[1] ?? ""), "utf8");
      expect(script, command).toMatch(/await (?:install|prepare)\(\)/);
    }
  });

  it("name no tool that only an installed workspace has", () => {
    for (const document of ["README.md", "CONTRIBUTING.md"])
      expect(readFileSync(join(root, document), "utf8"), document).not.toMatch(
        /\bnpx (?:turbo|vitest|biome|tsc)\b/,
      );
  });
});
