import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningClickHouse, startClickHouse } from "../src/index.js";
import { parameters, send, temporaryDirectory } from "./support.js";

const directory = temporaryDirectory();
let server: RunningClickHouse;

beforeAll(async () => {
  server = await startClickHouse({ dataDir: directory.path });
  await ask("CREATE TABLE written (a UInt8, s String) ENGINE = Memory");
});

afterAll(async () => {
  await server.close();
  directory.remove();
});

const ask = (sql: string, values: Record<string, string | number> = {}) =>
  send(server.url, parameters(values), { body: sql });
const codeOf = (answer: Awaited<ReturnType<typeof ask>>) => answer.headers["x-clickhouse-exception-code"];

test.each([
  ["SELECT 1", " + 1", "2\n"],
  ["SELECT", "42", "42\n"],
  ["SELECT 1 -- a comment in the URL", "+ 1", "2\n"],
  ["", "SELECT 3;", "3\n"],
  ["", "/* a; b */ SELECT 4 -- c;\n;\n", "4\n"],
  ["", "-- first\n# second\nSELECT 5", "5\n"],
  ["", "SELECT getSetting('max_threads') SETTINGS max_threads = 3", "3\n"],
  ["", "SELECT 6 AS n FORMAT JSONEachRow SETTINGS max_threads = 3;", '{"n":6}\n'],
  ["", "WITH 7 AS n SELECT n", "7\n"],
  ["", "SELECT length('a\0b')", "3\n"],
  ["", "(SELECT 8)", "8\n"],
  ["", "SELECT '/*', '--', '#', ';', '''', '\\''", "/*\t--\t#\t;\t\\'\t\\'\n"],
])("the URL's %j and the body's %j make one statement", async (query, body, expected) => {
  const values: Record<string, string> = query === "" ? {} : { query };
  expect((await ask(body, values)).text).toBe(expected);
});

test.each([
  ["INSERT INTO written VALUES", "(1, 'x')"],
  ["INSERT INTO written (s, a) VALUES", "('x', 1);"],
  ["INSERT INTO written FORMAT Values", "(1, 'x')"],
  ["INSERT INTO written FORMAT JSONEachRow", '{"a":1,"s":"x"}'],
  ["INSERT INTO written SETTINGS async_insert = 0 FORMAT CSV", '1,"x"'],
  ["", "/* why */ -- so\nINSERT INTO written VALUES (1, 'x')"],
  ["", 'INSERT INTO written FORMAT JSONEachRow\n{"a":1,"s":"x"}\n'],
  ["", 'INSERT INTO written FORMAT JSONEachRow {"a":1,"s":"x"}'],
  ["", "insert into default.written select 1, 'x';"],
  ["INSERT INTO written VALUES (1,", "'x')"],
])("the insert of the URL's %j and the body's %j", async (query, body) => {
  await ask("TRUNCATE TABLE written");
  const values: Record<string, string> = query === "" ? {} : { query };
  expect((await ask(body, values)).text).toBe("");
  expect((await ask("SELECT * FROM written")).text).toBe("1\tx\n");
});

test("what a request without a session sets, uses and creates is gone with it", async () => {
  await ask("CREATE DATABASE aside");
  const state = "SELECT getSetting('max_block_size'), currentDatabase()";
  const before = (await ask(state)).text;
  for (const statement of [
    "SET max_block_size = 77",
    "USE aside",
    "CREATE TEMPORARY TABLE passing (a UInt8)",
  ]) {
    expect((await ask(statement)).status).toBe(200);
  }
  await ask("SELECT 1", { max_block_size: 77, database: "aside" });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(state)));
  expect(answers.map((answer) => answer.text)).toEqual(answers.map(() => before));
  expect(codeOf(await ask("SELECT * FROM passing"))).toBe("60");
});

test("sessions side by side keep apart, and answer the next request at once", async () => {
  const results = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const session_id = `parallel-${i}`;
      const texts: string[] = [];
      texts.push((await ask("CREATE TEMPORARY TABLE own (a UInt32)", { session_id })).text);
      for (let step = 0; step < 10; step += 1) {
        texts.push((await ask(`INSERT INTO own VALUES (${i})`, { session_id })).text);
        // Streamed, so that the end of an answer is not its beginning.
        const streamed = await ask("SELECT number FROM numbers(300000)", { session_id });
        texts.push(streamed.status === 200 ? "" : streamed.text);
      }
      return [texts.join(""), (await ask("SELECT count(), max(a) FROM own", { session_id })).text];
    }),
  );
  expect(results).toEqual(results.map((_, i) => ["", `10\t${i}\n`]));
});

test("nothing that can be sent as a statement, setting or parameter ends the server", async () => {
  const rubbish = [
    "\0",
    "'",
    "`",
    "FORMAT",
    "INSERT",
    "INSERT INTO",
    "INSERT INTO t FORMAT",
    "(",
    "{",
    "$$",
    "/*",
  ];
  for (const text of [...rubbish, ...rubbish.map((part) => `SELECT ${part}`), "SELECT {a:Nonsense}"]) {
    const answer = await ask(text);
    expect([answer.status >= 400, codeOf(answer) !== undefined], text).toEqual([true, true]);
  }
  for (let i = 0; i < 50; i += 1) {
    const body = randomBytes(200);
    expect((await send(server.url, "/", { body })).status, body.toString("hex")).toBeGreaterThanOrEqual(400);
  }
  for (const values of [
    { "a b": "1" },
    { "max_threads'": "1" },
    { max_threads: "many" },
    { database: "a`b" },
    { default_format: "a b" },
    { default_format: "NoSuch" },
    { role: "admin" },
    { session_id: "s", session_timeout: "soon" },
    { "param_a-b": "1" },
    { compress: "1" },
  ]) {
    expect(codeOf(await ask("SELECT 1", values)), JSON.stringify(values)).toMatch(/^\d+$/);
  }
  const form = { "Content-Type": "multipart/form-data; boundary=b" };
  for (const body of ["", "--b", "--b\r\n\r\n", "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"]) {
    expect(codeOf(await send(server.url, "/?query=SELECT+1", { body, headers: form }))).toBe("36");
  }
  const header = await send(server.url, "/?query=SELECT+1", { headers: { "X-Long": "x".repeat(500_000) } });
  expect(header.text).toBe("1\n");
  const tooLong = await send(server.url, "/?query=SELECT+1", {
    headers: { "X-Long": "x".repeat(2_000_000) },
  });
  expect(tooLong.status).toBe(431);
  expect((await ask("SELECT 'well'")).text).toBe("well\n");
});
