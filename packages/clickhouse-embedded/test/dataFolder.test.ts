import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RunningClickHouse, StartError, startClickHouse } from "../src/index.js";
import { parameters, send, temporaryDirectory } from "./support.js";

const directory = temporaryDirectory();
const dataDir = join(directory.path, "data");
let server: RunningClickHouse;

beforeEach(async () => {
  server = await startClickHouse({ dataDir });
  await send(server.url, "/", { body: "CREATE TABLE kept (a UInt32) ENGINE = MergeTree ORDER BY a" });
  expect((await insert(1)).status).toBe(200);
  await server.check();
});

afterEach(async () => {
  await server.close();
  directory.remove();
});

function insert(value: number) {
  return send(server.url, parameters({ query: "INSERT INTO kept FORMAT TSV" }), { body: `${value}\n` });
}

async function refusal(): Promise<string> {
  return server.check().then(
    () => "",
    (error: Error) => error.message,
  );
}

const losses: Readonly<Record<string, { readonly lose: () => void; readonly names: string }>> = {
  removed: {
    lose: () => rmSync(dataDir, { recursive: true }),
    names: "data was removed or moved away",
  },
  "moved away": {
    lose: () => renameSync(dataDir, `${dataDir}-elsewhere`),
    names: "data was removed or moved away",
  },
  "moved away with its parent": {
    lose: () => {
      renameSync(directory.path, `${directory.path}-elsewhere`);
      mkdirSync(directory.path);
    },
    names: "data was removed or moved away",
  },
  replaced: {
    lose: () => {
      renameSync(dataDir, `${dataDir}-elsewhere`);
      mkdirSync(dataDir);
    },
    names: "data was replaced",
  },
  "replaced by a file": {
    lose: () => {
      renameSync(dataDir, `${dataDir}-elsewhere`);
      writeFileSync(dataDir, "");
    },
    names: "data was replaced",
  },
  emptied: {
    lose: () => {
      for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true });
    },
    names: "was removed or moved away",
  },
  "without its rows": {
    lose: () => rmSync(join(dataDir, "store"), { recursive: true }),
    names: "store was removed or moved away",
  },
};

test.each(Object.entries(losses))(
  "a data folder that is %s: writing is refused with 503, and check says why",
  async (_, { lose, names }) => {
    lose();
    for (const body of ["INSERT INTO kept VALUES (2)", "CREATE TABLE more (a UInt8) ENGINE = Memory"]) {
      const answer = await send(server.url, "/", { body });
      expect([answer.status, answer.headers["x-clickhouse-exception-code"]]).toEqual([503, "76"]);
      expect(answer.text).toContain(names);
    }
    expect(await refusal()).toContain(names);
    expect(await refusal()).toContain(dataDir);
    rmSync(`${directory.path}-elsewhere`, { recursive: true, force: true });
  },
);

test("an insert that runs while the folder is moved away is not acknowledged", async () => {
  const slow = send(server.url, "/", {
    body: "INSERT INTO kept SELECT number + sleepEachRow(0.1) FROM numbers(10) SETTINGS max_block_size = 1",
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  renameSync(dataDir, `${dataDir}-elsewhere`);
  expect((await slow).status).toBe(503);
});

test("a folder that comes back is written again", async () => {
  renameSync(dataDir, `${dataDir}-elsewhere`);
  expect((await insert(2)).status).toBe(503);
  expect(existsSync(dataDir)).toBe(false);
  renameSync(`${dataDir}-elsewhere`, dataDir);
  expect((await insert(3)).status).toBe(200);
  await expect.poll(refusal, { timeout: 10_000 }).toBe("");
});

test("a table whose rows were removed is noticed by check, and then writing is refused", async () => {
  const paths = await send(server.url, "/", {
    body: "SELECT arrayJoin(data_paths) FROM system.tables WHERE name = 'kept'",
  });
  rmSync(paths.text.trim(), { recursive: true });
  await expect.poll(refusal, { timeout: 10_000 }).toContain("the data of table default.kept");
  expect((await insert(2)).status).toBe(503);
});

test("a link to the data folder is as good as the folder, until it points elsewhere", async () => {
  await server.close();
  const link = join(directory.path, "link");
  symlinkSync(dataDir, link);
  server = await startClickHouse({ dataDir: link });
  expect((await insert(2)).status).toBe(200);
  unlinkSync(link);
  mkdirSync(join(directory.path, "other"));
  symlinkSync(join(directory.path, "other"), link);
  expect((await insert(3)).status).toBe(503);
});

test("a path that cannot be a data folder is one sentence", async () => {
  await server.close();
  const file = join(directory.path, "file");
  writeFileSync(file, "");
  for (const [path, reason] of [
    [file, "it is a file, not a directory"],
    [join(file, "below"), "a part of its path is a file, not a directory (ENOTDIR)"],
    ["/proc/nothing/here", "a part of its path does not exist and cannot be made (ENOENT)"],
  ] as const) {
    const error: unknown = await startClickHouse({ dataDir: path }).catch((cause) => cause);
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).code).toBe("DATA_DIR_NOT_WRITABLE");
    expect((error as StartError).message).toBe(`the data directory ${path} cannot be written: ${reason}`);
  }
});

// File systems of its own need a mount namespace, which Linux gives every user.
test.runIf(process.platform === "linux")(
  "a disk that is full or read-only: inserts are refused, check says why, and both recover",
  async () => {
    const built = new URL("../dist/index.js", import.meta.url).href;
    const disk = join(directory.path, "disk");
    mkdirSync(disk);
    const script = `
      import { execFileSync } from "node:child_process";
      import { rmSync, writeFileSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      import { startClickHouse } from ${JSON.stringify(built)};
      const disk = ${JSON.stringify(disk)};
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m", "tmpfs", disk]);
      const clickhouse = await startClickHouse({ dataDir: disk + "/data" });
      const post = async (body) => (await fetch(clickhouse.url, { method: "POST", body })).status;
      const look = async () => { await sleep(1100); return clickhouse.check().then(() => "fine", (error) => error.message); };
      await post("CREATE TABLE kept (a UInt32) ENGINE = MergeTree ORDER BY a");
      const report = [[await post("INSERT INTO kept VALUES (1)"), await look()]];
      try { writeFileSync(disk + "/filler", Buffer.alloc(80_000_000)); } catch {}
      report.push([await post("INSERT INTO kept SELECT number FROM numbers(1000000)"), await look()]);
      rmSync(disk + "/filler");
      report.push([await post("INSERT INTO kept VALUES (2)"), await look()]);
      // As the kernel makes it after errors: a plain remount is refused while the engine has files open for writing.
      execFileSync("mount", ["--bind", disk + "/data", disk + "/data"]);
      execFileSync("mount", ["-o", "remount,bind,ro", disk + "/data"]);
      report.push([await post("INSERT INTO kept VALUES (3)"), await look()]);
      execFileSync("umount", [disk + "/data"]);
      report.push([await post("INSERT INTO kept VALUES (4)"), await look()]);
      console.log(JSON.stringify(report));
      process.exit(0);`;
    const { stdout } = await promisify(execFile)("unshare", [
      "--mount",
      "--map-root-user",
      process.execPath,
      "--input-type=module",
      "--eval",
      script,
    ]);
    const states = JSON.parse(stdout) as [number, string][];
    expect(states.map(([status, reason]) => [status === 200, reason])).toEqual([
      [true, "fine"],
      [false, expect.stringContaining("is full")],
      [true, "fine"],
      [false, expect.stringContaining("read-only file system (EROFS)")],
      [true, "fine"],
    ]);
  },
);
