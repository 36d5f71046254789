import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "./workspace.js";

interface Step {
  readonly run?: string;
  readonly uses?: string;
}

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy?: { readonly matrix: { readonly node: readonly number[] } };
        readonly steps: readonly Step[];
      }
    >
  >;
}

const read = (path: string) => readFileSync(join(root, path), "utf8");
const scripts = Object.keys(
  (JSON.parse(read("package.json")) as { readonly scripts: Readonly<Record<string, string>> }).scripts,
);
const workflows = readdirSync(join(root, ".github/workflows")).map((file) => ({
  file,
  workflow: parse(read(`.github/workflows/${file}`)) as Workflow,
}));

describe("the workflows", () => {
  it("test the Node.js versions that .ci/run tests", () => {
    const supported = readdirSync(join(root, "tooling/run/nodes"))
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
    const matrices = workflows.flatMap(({ workflow }) =>
      Object.values(workflow.jobs).flatMap(({ strategy }) =>
        strategy === undefined ? [] : [strategy.matrix.node],
      ),
    );
    expect(matrices).toEqual([supported]);
    expect(supported).toContain(Number(read(".nvmrc")));
  });

  it.each(workflows)("$file runs scripts that there are, by pinned actions", ({ workflow }) => {
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
    for (const { run = "npm test", uses = "a/b@v1" } of steps) {
      const [, script = ""] = /^npm (?:run )?([\w:-]+)/.exec(run) ?? [];
      expect(scripts, run).toContain(script);
      expect(uses).toMatch(/^[\w-]+\/[\w-]+@v\d+$/);
    }
  });
});
