import { afterEach, expect, test } from "vitest";
import { type ClickHouseOptions, type RunningClickHouse, StartError, startClickHouse } from "../src/index.js";
import { parameters, send, temporaryDirectory, until } from "./support.js";

const directory = temporaryDirectory();
let server: RunningClickHouse | undefined;

async function start(options: Partial<ClickHouseOptions> = {}): Promise<RunningClickHouse> {
  server = await startClickHouse({ dataDir: directory.path, ...options });
  return server;
}

afterEach(async () => {
  await server?.close();
});

async function refusal(options: Partial<ClickHouseOptions>): Promise<string> {
  const error: unknown = await startClickHouse({ dataDir: directory.path, ...options }).catch(
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(StartError);
  expect((error as StartError).message).not.toContain("\n");
  return (error as StartError).code;
}

test("close releases the directory: the same process opens it again and finds its data, and another one", async () => {
  const first = await start();
  await send(first.url, "/", { body: "CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a" });
  await send(first.url, "/", { body: "INSERT INTO kept VALUES (1)" });
  await send(first.url, "/?session_id=open", { body: "CREATE TEMPORARY TABLE held (a UInt8)" });
  await Promise.all([first.close(), first.close()]);
  await expect(send(first.url, "/ping")).rejects.toThrow();
  const other = temporaryDirectory();
  const elsewhere = await start({ dataDir: other.path });
  expect((await send(elsewhere.url, "/?query=SHOW+TABLES")).text).toBe("");
  await elsewhere.close();
  other.remove();
  const second = await start();
  expect((await send(second.url, "/?query=SELECT+a+FROM+kept")).text).toBe("1\n");
});

test("what runs at close finishes, with the connection closed behind it", async () => {
  const running = await start();
  const slow = send(running.url, "/", { body: "SELECT sleep(1), 'done'" });
  await until(
    async () => (await send(running.url, "/?query=SELECT+count()+FROM+system.processes")).text === "2\n",
  );
  await running.close();
  const answer = await slow;
  expect(answer.text).toBe("0\tdone\n");
  expect(answer.headers.connection).toBe("close");
});

test("what runs longer than the drain timeout is stopped", async () => {
  const running = await start({ drainTimeoutMs: 100 });
  const endless = send(running.url, "/", {
    body: "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)",
  }).catch(() => "cut off");
  await until(
    async () => (await send(running.url, "/?query=SELECT+count()+FROM+system.processes")).text === "2\n",
  );
  await running.close();
  expect(await endless).toBe("cut off");
});

test("credentials, in each of the ways ClickHouse takes them", async () => {
  const { url } = await start({ username: "ana", password: "s3cret:'x" });
  const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString("base64")}` });
  const query = { query: "SELECT 1" };
  for (const [path, headers] of [
    [parameters(query), basic("ana:s3cret:'x")],
    [parameters(query), { "X-ClickHouse-User": "ana", "X-ClickHouse-Key": "s3cret:'x" }],
    [parameters({ ...query, user: "ana", password: "s3cret:'x" }), {}],
    [parameters(query), { ...basic("ana:s3cret:'x"), Origin: "https://page.example", Host: "proxy.example" }],
  ] as const) {
    expect((await send(url, path, { headers })).text).toBe("1\n");
  }
  for (const [path, headers] of [
    [parameters(query), {}],
    [parameters(query), basic("ana:wrong")],
    [parameters(query), basic("default:s3cret:'x")],
    [parameters(query), { Authorization: "Bearer s3cret:'x" }],
    [parameters({ ...query, user: "ana", password: "" }), {}],
  ] as const) {
    const answer = await send(url, path, { headers });
    expect([answer.status, answer.headers["x-clickhouse-exception-code"]]).toEqual([403, "516"]);
    expect(answer.text).not.toContain("s3cret");
  }
  expect((await send(url, "/ping")).text).toBe("Ok.\n");
});

test("refuses what it cannot start with, one line each", async () => {
  expect(await refusal({ host: "0.0.0.0" })).toBe("PASSWORD_REQUIRED");
  expect(await refusal({ dataDir: "" })).toBe("INVALID_OPTIONS");
  expect(await refusal({ port: 70_000 })).toBe("INVALID_OPTIONS");
  expect(await refusal({ maxConcurrentQueries: 0 })).toBe("INVALID_OPTIONS");
  expect(await refusal({ maxConcurrentQueries: 1024 })).toBe("INVALID_OPTIONS");
  expect(await refusal({ idleTimeoutMs: -1 })).toBe("INVALID_OPTIONS");
  expect(await refusal({ dataDir: "/proc/nowhere" })).toBe("DATA_DIR_NOT_WRITABLE");
  expect(await refusal({ host: "192.0.2.1", password: "x" })).toBe("CANNOT_LISTEN");
  const { port } = await start();
  expect(await refusal({ port })).toBe("PORT_IN_USE");
  expect(await refusal({})).toBe("DATA_DIR_IN_USE");
});

test("with a password it listens on every address", async () => {
  const { port } = await start({ host: "0.0.0.0", password: "x" });
  const answer = await send(`http://127.0.0.1:${port}`, "/?query=SELECT+1&password=x");
  expect(answer.text).toBe("1\n");
});

test("a body limit of one's own; streamed inserts are above it", async () => {
  const { url } = await start({ maxBodyBytes: 9_000_000 });
  const large = await send(url, "/", { body: `SELECT 1 /* ${"x".repeat(9_500_000)} */` });
  expect([large.status, large.headers["x-clickhouse-exception-code"]]).toEqual([413, "229"]);
  await send(url, "/", { body: "CREATE TABLE wide (a UInt64) ENGINE = Memory" });
  await send(url, "/?query=INSERT+INTO+wide+FORMAT+RowBinary", { body: Buffer.alloc(24_000_000) });
  expect((await send(url, "/?query=SELECT+count()+FROM+wide")).text).toBe("3000000\n");
});

test("one statement at a time is slow, not wrong: 20 wait in line, and a waiting one may leave", async () => {
  const { url } = await start({ maxConcurrentQueries: 1 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      send(url, "/?enable_http_compression=1", { body: `SELECT ${i}, sleep(0.02)` }),
    ),
  );
  expect(answers.map((answer) => answer.text)).toEqual(answers.map((_, i) => `${i}\t0\n`));
});

test("with fsync inserts and merges sync their parts, without it they do not", async () => {
  const synced = async (url: string) => {
    const { text } = await send(url, "/?query=SELECT+value+FROM+system.events+WHERE+event='FileSync'");
    return Number(text);
  };
  for (const durability of ["process", "fsync"] as const) {
    const { url, close } = await start({ durability });
    const settings = await send(
      url,
      parameters({
        query: `SELECT value FROM system.merge_tree_settings
          WHERE name IN ('fsync_after_insert', 'fsync_part_directory', 'min_rows_to_fsync_after_merge')`,
      }),
    );
    const value = durability === "fsync" ? "1\n" : "0\n";
    expect(settings.text).toBe(value.repeat(3));
    const table = `synced_by_${durability}`;
    await send(url, "/", { body: `CREATE TABLE ${table} (a UInt8) ENGINE = MergeTree ORDER BY a` });
    for (const what of [
      `INSERT INTO ${table} VALUES (1)`,
      `INSERT INTO ${table} VALUES (2)`,
      `OPTIMIZE TABLE ${table} FINAL`,
    ]) {
      const before = await synced(url);
      expect((await send(url, "/", { body: what })).status).toBe(200);
      // The table's own bookkeeping is synced in either mode, but not by an insert or a merge.
      if (durability === "fsync") expect(await synced(url)).toBeGreaterThan(before);
      else expect(await synced(url)).toBe(before);
    }
    await close();
  }
});
