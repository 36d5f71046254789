import { fileURLToPath } from "node:url";

const root = new URL("../../../../", import.meta.url);

/** A file of this repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(path, root));
}

/** A built program of this package, also when its sources run: other processes load JavaScript. */
export function programFile(path: string): string {
  return inRepository(`tooling/benchmarks/dist/${path}`);
}
