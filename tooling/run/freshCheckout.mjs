// Does what a stranger does: a fresh checkout in a folder named `es`, and in it a first command and tests on real engines.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { root, timed } from "./bootstrap.mjs";
import { addRun } from "./suite.mjs";

const run = promisify(execFile);

/** They need Redis' client, which Vitest took for an ES module there, and ClickHouse's. */
const selection = ["queue-bullmq/test/leases", "store-clickhouse/src/migrate.test"];

export async function testFreshCheckout() {
  const label = "Tests in a fresh checkout named es";
  // Here and not in /tmp, which may be another file system: pnpm links what it has on this one.
  const parent = mkdtempSync(join(root, ".checkout-"));
  const folder = join(parent, "es");
  const result = { label, engines: [], passed: 0, failed: 1, skipped: 0 };
  try {
    // One by one: Node.js copies no folder into itself.
    for (const name of readdirSync(root).filter(isSource))
      cpSync(join(root, name), join(folder, name), { recursive: true, filter: isSource });
    await timed(label, async () => {
      // What is built already is not built again.
      const env = { ...process.env, TURBO_CACHE_DIR: join(root, ".turbo/cache") };
      const npm = (...args) => run("npm", args, { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 });
      await npm("run", "build");
      const { stdout } = await npm("test", "--", ...selection);
      const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(stdout) ?? [];
      Object.assign(result, { passed: Number(passed), failed: Number(failed) });
    });
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ""}${error.stderr ?? ""}\n${label}: ${error.message}\n`);
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
  addRun(result);
}

const ignored = readFileSync(join(root, ".gitignore"), "utf8")
  .split("\n")
  .filter((line) => line.endsWith("/"))
  .map((line) => line.slice(0, -1));

/** What git would hold: nothing that is installed or built. */
function isSource(path) {
  const name = basename(path);
  return name !== ".git" && !name.startsWith(".checkout-") && !ignored.includes(name);
}
