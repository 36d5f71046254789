import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { filesBelow, root, workspacePackages } from "./workspace.js";

const published = workspacePackages().filter(({ group }) => group === "packages");

describe.each(published.map(({ manifest, folder }) => [manifest.name, manifest, folder] as const))(
  "%s",
  (_name, manifest, folder) => {
    it("says what it is, under which licence, and has a README with an example", () => {
      expect(manifest.description).toMatch(/\S/);
      expect(manifest.license).toBe("Apache-2.0");
      const readme = readFileSync(join(root, folder, "README.md"), "utf8");
      expect(readme).toContain(`# ${manifest.name}`);
      expect(readme).toMatch(/^```ts/m);
    });

    it("exports types first", () => {
      for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
        if (subpath === "./package.json") continue;
        expect(Object.keys(target as object), subpath).toEqual(["types", "default"]);
      }
    });
  },
);

describe("the repository", () => {
  it("has no skipped, exclusive or unfinished tests and no forgotten notes", () => {
    const sources = ["packages", "apps", "tooling"].flatMap((group) =>
      filesBelow(group, [".ts", ".mjs", ".js"]),
    );
    const forbidden = /\b(?:describe|it|test)\.(?:skip|only|todo|fails)\b|\bTO[D]O\b|\bFIX[M]E\b/;
    expect(sources.filter((path) => forbidden.test(readFileSync(join(root, path), "utf8")))).toEqual([]);
  });

  it("says in every changeset what becomes of which package, as a release reads it", () => {
    const names = workspacePackages().map(({ manifest }) => manifest.name);
    const files = filesBelow(".changeset", [".md"]).filter((path) => !path.endsWith("README.md"));
    for (const path of files) {
      const [, head, summary] = /^---\n(.*?)\n---\n(.*)$/s.exec(readFileSync(join(root, path), "utf8")) ?? [];
      const bumps: unknown = parse(head ?? "");
      expect(bumps, path).toEqual(expect.any(Object));
      for (const [name, bump] of Object.entries(bumps as object)) {
        expect(names, path).toContain(name);
        expect(["patch", "minor", "major"], path).toContain(bump);
      }
      expect(summary?.trim(), path).toMatch(/\S/);
    }
  });

  it("pins every direct dependency through the lockfile and names no registry", () => {
    const lockfile = readFileSync(join(root, "pnpm-lock.yaml"), "utf8");
    expect(lockfile).not.toMatch(/https?:\/\//);
  });

  it("has what a repository needs", () => {
    for (const file of [
      "LICENSE",
      "README.md",
      ".gitignore",
      ".editorconfig",
      ".changeset/config.json",
      "turbo.json",
    ]) {
      expect(existsSync(join(root, file)), file).toBe(true);
    }
  });
});
