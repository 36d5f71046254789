import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly description?: string;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface WorkspacePackage {
  readonly manifest: Manifest;
  /** Relative to the root, such as `packages/core`. */
  readonly folder: string;
  readonly group: "packages" | "apps" | "tooling";
}

/** Every package of the workspace. */
export function workspacePackages(): readonly WorkspacePackage[] {
  return (["packages", "apps", "tooling"] as const).flatMap((group) =>
    readdirSync(join(root, group))
      .filter((name) => existsSync(join(root, group, name, "package.json")))
      .map((name) => ({
        group,
        folder: `${group}/${name}`,
        manifest: JSON.parse(readFileSync(join(root, group, name, "package.json"), "utf8")) as Manifest,
      })),
  );
}

/** Files below a folder, relative to the root, without what is installed or built. */
export function filesBelow(folder: string, endings: readonly string[]): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(node_modules|dist|\.turbo|\.snippets|\.data)\//.test(path))
    .sort();
}

const importForms = [
  /^(?:import|export)\b[^"';()=]*\bfrom "([^"]+)"/gm,
  /^import "([^"]+)"/gm,
  /\bimport\("([^"]+)"\)/g,
  /(?:\brequire|\.resolve)\("([^"]+)"\)/g,
];

/** What a TypeScript file imports from outside its own package. */
export function externalImports(path: string): readonly string[] {
  const source = readFileSync(join(root, path), "utf8");
  const specifiers = importForms.flatMap((form) => [...source.matchAll(form)].map((match) => match[1] ?? ""));
  return specifiers.filter(
    (specifier) => /^(@[a-z]|[a-z])/.test(specifier) && !specifier.startsWith("node:"),
  );
}

/** `@es/core/x` and `hono/utils/y` come from the packages `@es/core` and `hono`. */
export function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
