import { describe, expect, it } from "vitest";
import {
  externalImports,
  filesBelow,
  packageOf,
  type WorkspacePackage,
  workspacePackages,
} from "./workspace.js";

/** What each package may depend on at run time, of this workspace. Nothing else, and never the other way. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "@es/core": [],
  "@es/otlp": [],
  "@es/clickhouse-embedded": [],
  "@es/api-keys": ["@es/core"],
  "@es/host": ["@es/api-keys", "@es/core"],
  "@es/processing": ["@es/core"],
  "@es/store-memory": ["@es/core", "@es/processing"],
  "@es/queue-memory": ["@es/core", "@es/processing"],
  "@es/store-clickhouse": ["@es/core", "@es/processing"],
  "@es/queue-bullmq": ["@es/core", "@es/processing"],
  "@es/testkit": ["@es/core", "@es/processing"],
  "@es/trace-projection": ["@es/core", "@es/otlp"],
  "@es/trace-clickhouse": [
    "@es/core",
    "@es/otlp",
    "@es/processing",
    "@es/store-clickhouse",
    "@es/trace-projection",
  ],
  "@es/session-projection": ["@es/core", "@es/store-clickhouse", "@es/trace-projection"],
  "@es/trace-wiring": [
    "@es/core",
    "@es/host",
    "@es/processing",
    "@es/session-projection",
    "@es/store-clickhouse",
    "@es/trace-clickhouse",
    "@es/trace-projection",
  ],
  "@es/operations": ["@es/core", "@es/host", "@es/processing"],
  "@es/app-ingest": [
    "@es/core",
    "@es/otlp",
    "@es/queue-bullmq",
    "@es/host",
    "@es/trace-clickhouse",
    "@es/trace-wiring",
  ],
  "@es/app-worker": [
    "@es/core",
    "@es/operations",
    "@es/processing",
    "@es/queue-bullmq",
    "@es/host",
    "@es/trace-wiring",
  ],
  "@es/app-console": [
    "@es/core",
    "@es/host",
    "@es/session-projection",
    "@es/trace-clickhouse",
    "@es/trace-projection",
    "@es/trace-wiring",
  ],
  "@es/app-standalone": [
    "@es/app-console",
    "@es/app-ingest",
    "@es/app-worker",
    "@es/clickhouse-embedded",
    "@es/core",
    "@es/operations",
    "@es/otlp",
    "@es/queue-memory",
    "@es/host",
    "@es/trace-clickhouse",
    "@es/trace-projection",
    "@es/trace-wiring",
  ],
};

const packages = workspacePackages();
const shipped = packages.filter(({ group }) => group !== "tooling");

const runtimeDependencies = ({ manifest }: WorkspacePackage) =>
  Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
const isOurs = (name: string) => name.startsWith("@es/");

const sourceFiles = ({ folder }: WorkspacePackage) =>
  filesBelow(`${folder}/src`, [".ts"]).filter((path) => !path.endsWith(".test.ts"));
const testFiles = ({ folder }: WorkspacePackage) => [
  ...filesBelow(`${folder}/src`, [".test.ts"]),
  ...filesBelow(`${folder}/test`, [".ts"]),
];

describe("dependencies point one way", () => {
  it("covers every package", () => {
    expect(shipped.map(({ manifest }) => manifest.name).sort()).toEqual(Object.keys(allowed).sort());
  });

  describe.each(
    shipped.map((workspacePackage) => [workspacePackage.manifest.name, workspacePackage] as const),
  )("%s", (name, workspacePackage) => {
    it("depends at run time only on what stands to its left", () => {
      const ours = runtimeDependencies(workspacePackage).filter(isOurs);
      expect(ours.filter((dependency) => !allowed[name]?.includes(dependency))).toEqual([]);
    });

    it("imports in its sources only what it depends on", () => {
      const declared = new Set(runtimeDependencies(workspacePackage));
      const undeclared = sourceFiles(workspacePackage).flatMap((path) =>
        externalImports(path)
          .filter((specifier) => !declared.has(packageOf(specifier)))
          .map((specifier) => `${path}: ${specifier}`),
      );
      expect(undeclared).toEqual([]);
    });

    it("imports in its tests only what it declares", () => {
      const declared = new Set([
        ...runtimeDependencies(workspacePackage),
        ...Object.keys(workspacePackage.manifest.devDependencies ?? {}),
      ]);
      const undeclared = testFiles(workspacePackage).flatMap((path) =>
        externalImports(path)
          .filter((specifier) => !declared.has(packageOf(specifier)))
          .map((specifier) => `${path}: ${specifier}`),
      );
      expect(undeclared).toEqual([]);
    });

    it("uses every package it depends on", () => {
      const used = new Set(sourceFiles(workspacePackage).flatMap(externalImports).map(packageOf));
      const unused = Object.keys(workspacePackage.manifest.dependencies ?? {}).filter(
        (entry) => !used.has(entry),
      );
      expect(unused).toEqual([]);
    });

    it("imports only what other packages export", () => {
      const exportsOf = new Map(packages.map(({ manifest }) => [manifest.name, manifest.exports ?? {}]));
      const internal = [...sourceFiles(workspacePackage), ...testFiles(workspacePackage)].flatMap((path) =>
        externalImports(path)
          .filter(isOurs)
          .filter((specifier) => {
            const owner = packageOf(specifier);
            return !(`.${specifier.slice(owner.length)}` in (exportsOf.get(owner) ?? {}));
          })
          .map((specifier) => `${path}: ${specifier}`),
      );
      expect(internal).toEqual([]);
    });
  });

  // Its type check would read its own `dist` while its build writes that.
  it.each(packages.map((entry) => [entry.manifest.name, entry] as const))(
    "%s never imports itself by its name",
    (name, entry) => {
      const own = [...sourceFiles(entry), ...testFiles(entry)].filter((path) =>
        externalImports(path).map(packageOf).includes(name),
      );
      expect(own).toEqual([]);
    },
  );

  it("has no cycle, tests included", () => {
    const edges = new Map(
      packages.map((entry) => [
        entry.manifest.name,
        [...runtimeDependencies(entry), ...Object.keys(entry.manifest.devDependencies ?? {})].filter(isOurs),
      ]),
    );
    const done = new Set<string>();
    const visit = (name: string, path: readonly string[]): void => {
      expect(path, `cycle: ${[...path, name].join(" → ")}`).not.toContain(name);
      if (done.has(name)) return;
      for (const next of edges.get(name) ?? []) visit(next, [...path, name]);
      done.add(name);
    };
    for (const name of edges.keys()) visit(name, []);
  });

  it("leaves the core without I/O: one dependency, and no Node module", () => {
    const core = packages.find(({ manifest }) => manifest.name === "@es/core") as WorkspacePackage;
    expect(Object.keys(core.manifest.dependencies ?? {})).toEqual(["@opentelemetry/api"]);
    const imported = sourceFiles(core).flatMap(externalImports);
    expect([...new Set(imported)]).toEqual(["@opentelemetry/api"]);
  });
});
