import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A file of this repository. */
export function inRepository(...path: readonly string[]): string {
  return join(root, ...path);
}

/** A built file of this package, also when its sources run: what other processes load must be JavaScript. */
export function builtFile(path: string): string {
  return inRepository("tooling/chaos/dist", path);
}
