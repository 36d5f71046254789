import { randomBytes } from "node:crypto";
import fc from "fast-check";
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

const requests = fc.array(
  fc.record({
    maxBlockSize: fc.option(fc.integer({ min: 1000, max: 1003 }), { nil: undefined }),
    maxThreads: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    database: fc.constantFrom(undefined, "default", "besides"),
    parameter: fc.option(fc.constantFrom("", "a", "it's \\\\"), { nil: undefined }),
    fails: fc.boolean(),
    own: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

test("requests find nothing of each other, in any order and at once", async () => {
  await ask("CREATE DATABASE besides");
  const state = "getSetting('max_block_size'), getSetting('max_threads'), currentDatabase()";
  const defaults = (await ask(`SELECT ${state}`)).text.trimEnd().split("\t");
  await fc.assert(
    fc.asyncProperty(requests, async (asked) => {
      const answers = await Promise.all(
        asked.map(({ maxBlockSize, maxThreads, database, parameter, fails, own }) => {
          const columns = `${state}, ${parameter === undefined ? "'none'" : "{p:String}"}`;
          return ask(
            `SELECT ${fails ? "throwIf(1), " : ""}${columns} FORMAT JSONCompactEachRow` +
              (own ? " SETTINGS max_block_size = 2000" : ""),
            {
              ...(maxBlockSize === undefined ? {} : { max_block_size: maxBlockSize }),
              ...(maxThreads === undefined ? {} : { max_threads: maxThreads }),
              ...(database === undefined ? {} : { database }),
              ...(parameter === undefined ? {} : { param_p: parameter }),
              output_format_json_quote_64bit_integers: 0,
            },
          );
        }),
      );
      for (const [index, { maxBlockSize, maxThreads, database, parameter, fails, own }] of asked.entries()) {
        const answer = answers[index];
        if (answer === undefined) throw new Error("an answer is missing");
        if (fails) expect(codeOf(answer)).toBe("395");
        else {
          expect(JSON.parse(answer.text)).toEqual([
            own ? 2000 : (maxBlockSize ?? Number(defaults[0])),
            maxThreads ?? Number(defaults[1]),
            database ?? defaults[2],
            parameter === undefined ? "none" : parameter.replaceAll("\\\\", "\\"),
          ]);
        }
      }
      const missing = await ask("SELECT {p:String}", { output_format_json_quote_64bit_integers: 0 });
      expect(codeOf(missing)).toBe("456");
    }),
    { numRuns: 30 },
  );
});

test("a database that was dropped is gone for requests like those that used it", async () => {
  const database = "dropped";
  await ask(`CREATE DATABASE ${database}`);
  expect((await ask("SELECT currentDatabase()", { database })).text).toBe("dropped\n");
  expect((await ask(`DROP DATABASE ${database}`)).status).toBe(200);
  expect(codeOf(await ask("SELECT currentDatabase()", { database }))).toBe("81");
});

test("settings that would forbid setting others bind their request alone", async () => {
  const limits = { max_query_size: 150 };
  for (const name of ["first", "second", "third"]) {
    const param_p = name.padEnd(400, "-");
    expect((await ask("SELECT {p:String}", { ...limits, param_p })).text).toBe(`${param_p}\n`);
  }
});

test("a long parameter leaves the limit on a statement's length as its request has it", async () => {
  for (const limit of [undefined, 300_000]) {
    const values: Record<string, string | number> = limit === undefined ? {} : { max_query_size: limit };
    const read = "SELECT getSetting('max_query_size'), length({p:String})";
    for (const length of [1, 200_000, 2]) {
      const answer = await ask(read, { ...values, param_p: "x".repeat(length) });
      expect(answer.text).toBe(`${limit ?? 262_144}\t${length}\n`);
    }
  }
});

test("a setting by two names has the value of the last, whatever came before", async () => {
  const read = "SELECT getSetting('allow_experimental_analyzer')";
  for (const [one, other] of [
    [0, 1],
    [1, 1],
    [0, 1],
    [1, 0],
  ] as const) {
    const answer = await ask(read, { allow_experimental_analyzer: one, enable_analyzer: other });
    expect(answer.text).toBe(other === 1 ? "true\n" : "false\n");
  }
});

test("a token deduplicates its insert alone, also on a connection that has had it", async () => {
  await ask(
    "CREATE TABLE tokens (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100",
  );
  const insert = (token: string | undefined) =>
    ask("INSERT INTO tokens VALUES (1)", {
      async_insert: 0,
      ...(token === undefined ? {} : { insert_deduplication_token: token }),
    });
  for (const token of ["one", "one", "two", "two", "one"]) expect((await insert(token)).status).toBe(200);
  expect((await ask("SELECT count() FROM tokens")).text).toBe("2\n");
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
