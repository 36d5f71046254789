import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createClient } from "@clickhouse/client";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningClickHouse, startClickHouse } from "../src/index.js";
import { parameters, type RawResponse, send, temporaryDirectory } from "./support.js";

const directory = temporaryDirectory();
const secret = join(directory.path, "secret.csv");
const written = join(directory.path, "written");
const full = { "X-ClickHouse-User": "default", "X-ClickHouse-Key": "everything" };
const reader = { "X-ClickHouse-User": "default", "X-ClickHouse-Key": "only reading" };
let server: RunningClickHouse;
let called = 0;
const outside = createServer((_request, response) => {
  called += 1;
  response.end("a,b\n1,2\n");
});
let address: string;

beforeAll(async () => {
  writeFileSync(secret, "name,word\nroot,open sesame\n");
  await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/x.csv`;
  server = await startClickHouse({
    dataDir: join(directory.path, "data"),
    password: "everything",
    readOnlyPassword: "only reading",
  });
  for (const sql of [
    "CREATE DATABASE shop",
    "CREATE TABLE shop.orders (id UInt32, note String) ENGINE = MergeTree ORDER BY id",
    "INSERT INTO shop.orders VALUES (1, 'file(') (2, 'two')",
    "CREATE VIEW shop.recent AS SELECT id FROM shop.orders WHERE id > 1",
    "CREATE VIEW shop.above AS SELECT id FROM shop.orders WHERE id > {least:UInt32}",
    `CREATE TABLE shop.outer (name String, word String) ENGINE = File(CSV, '${secret}')`,
    `CREATE VIEW shop.innocent AS SELECT file('${secret}') AS text`,
    "CREATE VIEW shop.nested AS SELECT * FROM shop.innocent",
    "CREATE VIEW shop.harmless AS SELECT * FROM shop.nested",
    `CREATE VIEW shop.unlocked AS SELECT * FROM (SELECT 1 SETTINGS readonly = 0)`,
    `CREATE TABLE shop.trap (id UInt32, text String ALIAS file('${secret}')) ENGINE = MergeTree ORDER BY id`,
    "CREATE FUNCTION peek AS (x) -> file(x)",
  ]) {
    const answer = await send(server.url, "/", { body: sql, headers: full });
    expect([sql, answer.status, answer.text]).toEqual([sql, 200, ""]);
  }
});

afterAll(async () => {
  await server.close();
  outside.close();
  directory.remove();
});

function read(sql: string, values: Record<string, string> = {}, method = "POST"): Promise<RawResponse> {
  return method === "GET"
    ? send(server.url, parameters({ ...values, query: sql }), { headers: reader })
    : send(server.url, parameters(values), { body: sql, headers: reader });
}

describe("the read-only account reads", () => {
  test.each([
    ["SELECT count() FROM shop.orders", "2\n"],
    ["WITH 2 AS x SELECT note FROM shop.orders WHERE id = x", "two\n"],
    ["FROM shop.orders SELECT max(id)", "2\n"],
    ["(SELECT 1) UNION ALL (SELECT 1)", "1\n1\n"],
    ["SELECT id FROM shop.recent FORMAT JSONEachRow", '{"id":2}\n'],
    ["SELECT id FROM shop.above(least = 1)", "2\n"],
    ["SELECT note FROM shop.orders WHERE id = 1", "file(\n"],
    [
      "SELECT 'file(' AS \"a column\", 'SETTINGS', format('{}', 1) /* url( */ -- remote(",
      "file(\tSETTINGS\t1\n",
    ],
    ["SELECT sum(number) FROM numbers(4)", "6\n"],
    ["SELECT arrayMap(x -> x + 1, [1]), `note` FROM shop.orders WHERE id = 2", "[2]\ttwo\n"],
    ["SELECT name FROM system.settings WHERE name = 'max_threads'", "max_threads\n"],
    ["SELECT domain('http://a.b/c'), path('/x')", "a.b\t/x\n"],
    ["SHOW TABLES FROM shop LIKE 'ord%'", "orders\n"],
    ["EXISTS shop.orders", "1\n"],
    ["DESCRIBE TABLE shop.orders FORMAT TSVRaw", /^id\tUInt32/],
    ["SHOW CREATE TABLE shop.orders", /^CREATE TABLE shop\.orders/],
  ])("%s", async (sql, expected) => {
    for (const method of ["POST", "GET"]) {
      const answer = await read(sql, {}, method);
      expect([answer.status, answer.text]).toEqual([
        200,
        expected instanceof RegExp ? expect.stringMatching(expected) : expected,
      ]);
    }
  });

  test("through the unchanged client, with parameters, streams and settings of the answer", async () => {
    const client = createClient({
      url: server.url,
      username: "default",
      password: "only reading",
      database: "shop",
    });
    const result = await client.query({
      query: "SELECT toUInt64(id) AS id FROM orders WHERE id = {id:UInt32}",
      query_params: { id: 2 },
      format: "JSONEachRow",
      clickhouse_settings: { output_format_json_quote_64bit_integers: 1, date_time_output_format: "iso" },
    });
    expect(await result.json()).toEqual([{ id: "2" }]);
    const many = await client.query({ query: "SELECT number FROM numbers(300000)", format: "CSV" });
    let size = 0;
    for await (const chunk of many.stream()) size += chunk.length;
    expect(size).toBe(300_000);
    await client.close();
  });
});

const attacks: readonly string[] = [
  // Reading and calling, in every way of writing it.
  "SELECT file('$')",
  "SELECT file /* here */ ('$')",
  "SELECT file -- here\n('$')",
  "SELECT `file`('$')",
  "SELECT \"file\"('$')",
  "SELECT `f\\x69le`('$')",
  "SELECT “file”('$')",
  "SELECT arrayMap(file, ['$'])",
  "SELECT arrayMap(x -> file(x), ['$'])",
  "SELECT * APPLY(file) FROM (SELECT '$')",
  "SELECT * APPLY file FROM (SELECT '$')",
  "SELECT COLUMNS('.*') APPLY `file` FROM (SELECT '$')",
  "WITH x -> file(x) AS f SELECT f('$')",
  "SELECT 1 AS a$b$, file('$') AS x$b$",
  "SELECT $tag$, file('$'), $tag$",
  "SELECT x'\\', file('$'), '1'",
  "SELECT B''', file('$'), '''",
  "SELECT 1 -- \r, file('$')\n, file('$')",
  "SELECT 1 WHERE 'x' IN file('$')",
  "SELECT peek('$')",
  "SELECT `peek`('$')",
  "SELECT * FROM file('$')",
  "SELECT * FROM file('$', CSVWithNames) SETTINGS readonly = 0",
  "SELECT * FROM (SELECT * FROM file('$') SETTINGS readonly = 0)",
  "SELECT * FROM view(SELECT * FROM file('$') SETTINGS readonly = 0)",
  "WITH (SELECT * FROM file('$') LIMIT 1 SETTINGS readonly = 0) AS x SELECT x",
  "SELECT (SELECT getSetting('readonly') sEtTiNgS readonly = 0)",
  "SELECT (SELECT 1 SETTINGS/**/max_execution_time = 0)",
  "SELECT * FROM '$'",
  "SELECT * FROM `$`",
  "SELECT * FROM default.`$`",
  "DESCRIBE file('$')",
  "DESC TABLE `file`('$')",
  "DESCRIBE `$`",
  "DESCRIBE (SELECT * FROM `$`)",
  "EXISTS `$`",
  "EXISTS TABLE default.`$`",
  "SHOW CREATE TABLE `$`",
  "SHOW COLUMNS FROM `$`",
  "EXPLAIN SELECT * FROM file('$')",
  "EXPLAIN QUERY TREE SELECT * FROM `$`",
  "SELECT hasColumnInTable('default', '$', 'a')",
  "SELECT * FROM url('@')",
  "SELECT * FROM url('@', CSV, 'a String') SETTINGS readonly = 0",
  "DESCRIBE url('@')",
  "SELECT * FROM s3('@', CSV, 'a String')",
  "DESCRIBE s3('@', NOSIGN)",
  "SELECT * FROM remote('127.0.0.1:1', system.one)",
  "SELECT * FROM remoteSecure('127.0.0.1:1', system.one)",
  "SELECT * FROM cluster('default', system.one)",
  "SELECT * FROM mysql('127.0.0.1:1', 'd', 't', 'u', 'p')",
  "SELECT * FROM executable('id', TSV, 'a String')",
  "SELECT * FROM filesystem('/')",
  "SELECT * FROM dictionary('d')",
  "SELECT dictGet('d', 'x', 1)",
  "SELECT dictGetOrNull('d', 'x', 1)",
  "SELECT aiGenerate('x')",
  "SELECT catboostEvaluate('$', 1)",
  "SELECT sleep(3)",
  "SELECT sleepEachRow(1) FROM numbers(3)",
  "SELECT * FROM eval('SELECT 1')",
  "SELECT * FROM loop(shop.orders)",
  // What the full account made of files.
  "SELECT * FROM shop.outer",
  "SELECT * FROM shop.`outer`",
  "SELECT * FROM merge('shop', '^outer$')",
  "SELECT * FROM shop.innocent",
  "SELECT * FROM shop.nested",
  "SELECT * FROM shop.harmless",
  "SELECT * FROM shop.unlocked",
  "SELECT text FROM shop.trap",
  "SELECT * FROM {t:Identifier}",
  "SELECT * FROM system.stack_trace",
  // Writing and commanding.
  "SELECT 1 INTO OUTFILE '%'",
  "SELECT 1 INTO/**/OUTFILE '%' TRUNCATE FORMAT CSV",
  "(SELECT 1 INTO OUTFILE '%')",
  "SHOW TABLES INTO OUTFILE '%'",
  "INSERT INTO shop.orders VALUES (3, '')",
  "INSERT INTO shop.orders FROM INFILE '$' FORMAT CSV",
  "INSERT INTO FUNCTION file('%') SELECT 1",
  "INSERT INTO shop.orders SELECT 3, ''",
  "CREATE TABLE shop.mine (a UInt8) ENGINE = Memory",
  "CREATE TEMPORARY TABLE mine (a UInt8)",
  "CREATE VIEW shop.mine AS SELECT 1",
  "CREATE FUNCTION mine AS (x) -> x",
  "ALTER TABLE shop.orders DELETE WHERE 1",
  "DELETE FROM shop.orders WHERE 1",
  "DROP TABLE shop.orders",
  "TRUNCATE TABLE shop.orders",
  "RENAME TABLE shop.orders TO shop.gone",
  "OPTIMIZE TABLE shop.orders FINAL",
  "DETACH TABLE shop.orders",
  "ATTACH TABLE shop.orders",
  "SYSTEM STOP MERGES",
  "KILL QUERY WHERE 1",
  "SET max_threads = 1",
  "SET readonly = 0",
  "USE shop",
  "CHECK TABLE shop.orders",
  "BACKUP TABLE shop.orders TO File('%')",
  "GRANT ALL ON *.* TO default",
  "EXECUTE AS default SELECT 1",
  "PARALLEL WITH SELECT 1",
  "SELECT 1; SELECT file('$')",
];

describe("the read-only account is refused", () => {
  test.each(attacks)("%s", async (attack) => {
    const sql = attack
      .replaceAll("'$'", `'${secret}'`)
      .replaceAll("`$`", `\`${secret}\``)
      .replaceAll("@", address)
      .replaceAll("%", written);
    called = 0;
    for (const method of ["POST", "GET"]) {
      const answer = await read(sql, { param_t: "shop.outer" }, method);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.headers["x-clickhouse-exception-code"]).toMatch(/^(?:164|62|358|36)$/);
      expect(answer.text).not.toContain("sesame");
    }
    expect([called, existsSync(written)]).toEqual([0, false]);
  });

  test.each([
    ["max_threads", "64"],
    ["max_memory_usage", "0"],
    ["max_execution_time", "0"],
    ["max_execution_time", "61"],
    ["readonly", "0"],
    ["allow_introspection_functions", "1"],
    ["output_format_schema", written],
    ["format_schema", secret],
    ["send_logs_source_regexp", "x"],
    ["session_id", "mine"],
    ["compatibility", "20.1"],
    ["profile", "default"],
  ])("the setting %s=%s", async (name, value) => {
    const answer = await read("SELECT 1", { [name]: value });
    expect([answer.status, answer.headers["x-clickhouse-exception-code"]]).toEqual([500, "164"]);
  });

  test("external tables", async () => {
    const body = [
      "--b",
      'Content-Disposition: form-data; name="mine"; filename="mine"',
      "",
      "1",
      "--b--",
      "",
    ].join("\r\n");
    const answer = await send(
      server.url,
      parameters({ query: "SELECT * FROM mine", mine_structure: "a UInt8" }),
      {
        body,
        headers: { ...reader, "Content-Type": "multipart/form-data; boundary=b" },
      },
    );
    expect(answer.headers["x-clickhouse-exception-code"]).toBe("164");
  });

  test("file() however it is taken apart by comments and blanks", async () => {
    const gap = fc.constantFrom("", " ", "\t", "\n", "/**/", "/* ( */", "-- (\n", "/* ' */", "# x\n");
    const name = fc.constantFrom("file", "`file`", '"file"');
    const before = fc.constantFrom("1, ", "'--', ", "'/*', ", "'''', ", "'\\'', ", "`a`.b, ", "[1][1], ");
    await fc.assert(
      fc.asyncProperty(before, gap, name, gap, async (first, one, callee, two) => {
        const answer = await read(`SELECT ${first}${one}${callee}${two}('${secret}') FROM (SELECT 1 AS a)`);
        expect(answer.text).not.toContain("sesame");
        expect(answer.status).toBeGreaterThanOrEqual(400);
      }),
      { numRuns: 100 },
    );
  });

  test("what the full account has made of a file since", async () => {
    expect((await read("SELECT count() FROM shop.orders")).text).toBe("2\n");
    await send(server.url, "/", {
      body: `CREATE VIEW shop.later AS SELECT file('${secret}')`,
      headers: full,
    });
    expect((await read("SELECT * FROM shop.later")).status).toBe(500);
    await send(server.url, "/", { body: "DROP VIEW shop.later", headers: full });
    await send(server.url, "/", { body: "CREATE VIEW shop.later AS SELECT 5", headers: full });
    expect((await read("SELECT * FROM shop.later")).text).toBe("5\n");
  });
});

test("the limits of the read-only account hold, and the full account has none of them", async () => {
  const sql = "SELECT getSetting('readonly'), getSetting('max_threads'), getSetting('max_execution_time')";
  expect((await read(sql, { max_execution_time: "5" })).text).toBe("1\t2\t5\n");
  const answer = await send(server.url, "/", { body: sql, headers: full });
  expect(answer.text).not.toBe("1\t2\t60\n");
  expect((await send(server.url, "/", { body: `SELECT file('${secret}')`, headers: full })).text).toContain(
    "sesame",
  );
  expect(readdirSync(directory.path).sort()).toEqual(["data", "secret.csv"]);
});

test("two passwords that are one, or one without the other, are refused at the start", async () => {
  for (const options of [
    { password: "same", readOnlyPassword: "same" },
    { readOnlyPassword: "alone" },
    { password: "one", readOnlyPassword: "" },
  ]) {
    await expect(
      startClickHouse({ dataDir: join(directory.path, "none"), ...options }),
    ).rejects.toMatchObject({
      code: "INVALID_OPTIONS",
      message: expect.stringContaining("readOnlyPassword"),
    });
  }
});
