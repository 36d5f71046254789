import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiKeyRing, parseApiKeys } from "../src/index.js";

const bin = fileURLToPath(new URL("../bin/es-keys.mjs", import.meta.url));
const run = promisify(execFile);
const keys = async (...args: string[]) => (await run(process.execPath, [bin, ...args])).stdout;
const failure = (...args: string[]) =>
  keys(...args).then(
    () => "it did not fail",
    (error: { stderr: string }) => error.stderr,
  );

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "es-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const keyIn = (output: string) => /^ {2}(es_\S+)$/m.exec(output)?.[1] ?? "";

describe("es-keys create", () => {
  it("prints a key, and the entry that lets it in", async () => {
    const output = await keys("create", "--tenant", "acme", "--scope", "ingest", "--name", "collector");
    const entry = /^ {2}(\{.*\})$/m.exec(output)?.[1] ?? "";
    const entries = parseApiKeys(`{"keys":[${entry}]}`);
    expect(new ApiKeyRing(entries).find(keyIn(output))).toMatchObject({
      tenantId: "acme",
      scopes: ["ingest"],
      name: "collector",
    });
    expect(entry).not.toContain(keyIn(output));
  });

  it("adds entries to a file that only its owner may read", async () => {
    const path = join(folder, "below", "keys.json");
    const first = await keys("create", "--tenant", "a", "--file", path);
    const second = await keys("create", "--tenant", "b", "--expires", "2099-01-01T00:00:00Z", "--file", path);
    const text = await readFile(path, "utf8");
    const ring = new ApiKeyRing(parseApiKeys(text));
    expect(ring.find(keyIn(first))).toMatchObject({ tenantId: "a", scopes: ["ingest", "read"] });
    expect(ring.find(keyIn(second))).toMatchObject({ tenantId: "b", expiresAt: Date.UTC(2099, 0) });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(text).not.toContain(keyIn(first));
  });

  it("leaves a file alone that it cannot read", async () => {
    const path = join(folder, "broken.json");
    await writeFile(path, '{"keys": [');
    expect(await failure("create", "--tenant", "a", "--file", path)).toMatch(
      /stays as it is: it is not JSON/,
    );
    expect(await readFile(path, "utf8")).toBe('{"keys": [');
  });

  it("says where it cannot write, in one line", async () => {
    const path = join(folder, "no-folder");
    await writeFile(path, "");
    const message = await failure("create", "--tenant", "a", "--file", join(path, "below", "keys.json"));
    expect(message).toMatch(/^\S+keys\.json cannot be (?:read|written): \w+\.\n$/);
  });

  it.each([
    [[], /command is create/],
    [["create"], /--tenant is missing/],
    [["create", "--tenant", ""], /tenant must have 1 to 256/],
    [["create", "--tenant", "a", "--scope", "write"], /must be one of "ingest", "read"/],
    [["create", "--tenant", "a", "--expires", "soon"], /must be a time/],
    [["create", "--tenant", "a", "--colour", "red"], /colour/],
  ])("says what is wrong with %j", async (args, problem) => {
    const message = await failure(...args);
    expect(message).toMatch(problem);
    expect(message).not.toMatch(/es_[A-Za-z0-9_-]{43}|sha256:[0-9a-f]{64}|\n\s+at /);
  });
});
