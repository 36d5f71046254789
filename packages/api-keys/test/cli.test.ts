import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
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

/** Keys of a file, as an app reads them. */
const ringOf = async (path: string) => new ApiKeyRing(parseApiKeys(await readFile(path, "utf8")));
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

  it("adds entries to a file that only its owner may read, in folders that only its owner may enter", async () => {
    const path = join(folder, "below", "deeper", "keys.json");
    const first = await keys("create", "--tenant", "a", "--file", path);
    const second = await keys("create", "--tenant", "b", "--expires", "2099-01-01T00:00:00Z", "--file", path);
    const text = await readFile(path, "utf8");
    const ring = new ApiKeyRing(parseApiKeys(text));
    expect(ring.find(keyIn(first))).toMatchObject({ tenantId: "a", scopes: ["ingest", "read"] });
    expect(ring.find(keyIn(second))).toMatchObject({ tenantId: "b", expiresAt: Date.UTC(2099, 0) });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    for (const made of ["below", "below/deeper"]) {
      expect((await stat(join(folder, made))).mode & 0o777).toBe(0o700);
    }
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
    [[], /command is create, list or revoke/],
    [["revoke", "--tenant", "a"], /--file is missing/],
    [["revoke", "--file", "keys.json"], /Which keys\? Give one of/],
    [["revoke", "--file", "keys.json", "--all", "--tenant", "a"], /Give one of/],
    [["revoke", "--file", "keys.json", "--name", "a"], /Which keys/],
    [["revoke", "--file", "no-such-keys.json", "--all"], /there is no such file/],
    [["list", "--file", "keys.json", "--all"], /list does not take --all/],
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

describe("es-keys, run many times at once", () => {
  it("keeps the key of each of 24 that create one, whichever name of the file each uses", {
    timeout: 180_000,
  }, async () => {
    const home = await mkdtemp(join(folder, "parallel-"));
    await mkdir(join(home, "real"));
    await symlink("real", join(home, "link"));
    const names = [join(home, "real", "keys.json"), join(home, "link", "keys.json")];
    const outputs = await Promise.all(
      Array.from({ length: 24 }, (_, place) =>
        keys("create", "--tenant", `t${place}`, "--file", names[place % 2] ?? ""),
      ),
    );
    const ring = await ringOf(join(home, "real", "keys.json"));
    expect(outputs.map((output) => ring.find(keyIn(output))?.tenantId)).toEqual(
      outputs.map((_, place) => `t${place}`),
    );
    expect(await readdir(join(home, "real"))).toEqual(["keys.json"]);
  });

  it("takes over the lock of one that was killed while it held it", { timeout: 180_000 }, async () => {
    const path = join(await mkdtemp(join(folder, "killed-")), "keys.json");
    const first = await keys("create", "--tenant", "a", "--file", path);
    // Holds the lock as es-keys does, and never gets to release it.
    const holder = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `import lockfile from "proper-lockfile";
         await lockfile.lock(${JSON.stringify(path)}, { realpath: false, stale: 5_000, update: 1_000 });
         // Its lock keeps no process alive, and one that ends by itself releases it.
         setInterval(() => {}, 1_000);
         console.log("locked");`,
      ],
      { cwd: fileURLToPath(new URL("..", import.meta.url)), stdio: ["ignore", "pipe", "inherit"] },
    );
    await once(holder.stdout, "data");
    const ended = once(holder, "exit");
    holder.kill("SIGKILL");
    await ended;
    expect((await stat(`${path}.lock`)).isDirectory()).toBe(true);
    const second = await keys("create", "--tenant", "b", "--file", path);
    const ring = await ringOf(path);
    expect([first, second].map((output) => ring.find(keyIn(output))?.tenantId)).toEqual(["a", "b"]);
    await expect(stat(`${path}.lock`)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("es-keys list and revoke", () => {
  const fileOf = async (...tenants: readonly (readonly string[])[]) => {
    const path = join(await mkdtemp(join(folder, "revoke-")), "keys.json");
    const made: string[] = [];
    for (const [tenant = "", ...args] of tenants)
      made.push(keyIn(await keys("create", "--tenant", tenant, ...args, "--file", path)));
    return { path, made };
  };
  const tenantsLeft = async (path: string) =>
    parseApiKeys(await readFile(path, "utf8")).map(({ tenantId }) => tenantId);

  it("list shows every key by an id, with whether it has expired, and never a key or a whole hash", async () => {
    const { path, made } = await fileOf(
      ["acme", "--name", "collector", "--scope", "ingest"],
      ["old one", "--expires", "2001-02-03T04:05:06Z"],
    );
    const output = await keys("list", "--file", path);
    expect(output).toMatch(
      /^[0-9a-f]{12} {2}tenant "acme" {2}name "collector" {2}ingest\n[0-9a-f]{12} {2}tenant "old one" {2}ingest and read {2}expired 2001-02-03T04:05:06Z\n$/,
    );
    for (const key of made) expect(output).not.toContain(key);
    expect(await keys("list", "--file", path, "--tenant", "nobody")).toMatch(
      /^No keys in .* are of tenant "nobody"/,
    );
  });

  it("revoke takes out the key with an id, and no other", async () => {
    const { path, made } = await fileOf(["a"], ["b"], ["c"]);
    const id = /^([0-9a-f]{12}) {2}tenant "b"/m.exec(await keys("list", "--file", path))?.[1] ?? "";
    expect(await keys("revoke", "--file", path, "--id", id)).toMatch(/^Took 1 key out of/);
    const ring = await ringOf(path);
    expect(made.map((key) => ring.find(key)?.tenantId)).toEqual(["a", undefined, "c"]);
  });

  it("revoke takes out a key by itself, a tenant's keys, those of one name, and all", async () => {
    const { path, made } = await fileOf(
      ["a", "--name", "x"],
      ["a", "--name", "y"],
      ["b"],
      ["b"],
      ["c"],
      ["d"],
    );
    await keys("revoke", "--file", path, "--key", made[4] ?? "");
    expect(await tenantsLeft(path)).toEqual(["a", "a", "b", "b", "d"]);
    await keys("revoke", "--file", path, "--tenant", "a", "--name", "x");
    expect(await tenantsLeft(path)).toEqual(["a", "b", "b", "d"]);
    expect(await keys("revoke", "--file", path, "--tenant", "b")).toMatch(/^Took 2 keys out of/);
    expect(await tenantsLeft(path)).toEqual(["a", "d"]);
    await keys("revoke", "--file", path, "--all");
    expect(await tenantsLeft(path)).toEqual([]);
  });

  it("revoke fails, and changes nothing, when no key is the one named", async () => {
    const { path } = await fileOf(["a"]);
    const before = await readFile(path, "utf8");
    expect(await failure("revoke", "--file", path, "--tenant", "b")).toMatch(/^No key in .* is the one/);
    expect(await readFile(path, "utf8")).toBe(before);
  });
});
