import { Readable } from "node:stream";
import {
  type ClickHouseClient,
  ClickHouseError,
  ClickHouseLogLevel,
  createClient,
  TupleParam,
} from "@clickhouse/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningClickHouse, startClickHouse } from "../src/index.js";
import { temporaryDirectory } from "./support.js";

const directory = temporaryDirectory();
let server: RunningClickHouse;
let client: ClickHouseClient;

beforeAll(async () => {
  server = await startClickHouse({ dataDir: directory.path });
  client = createClient({ url: server.url, log: { level: ClickHouseLogLevel.OFF } });
});

afterAll(async () => {
  await client.close();
  await server.close();
  directory.remove();
});

async function rows<T>(query: string, options: object = {}): Promise<T[]> {
  const result = await client.query({ query, format: "JSONEachRow", ...options });
  return result.json<T>();
}

async function failure(promise: Promise<unknown>): Promise<ClickHouseError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ClickHouseError);
  return error as ClickHouseError;
}

test("ping, by the health check and by a select", async () => {
  expect(await client.ping()).toMatchObject({ success: true });
  expect(await client.ping({ select: true })).toMatchObject({ success: true });
});

test.each([
  "JSON",
  "JSONCompact",
  "JSONStrings",
  "JSONEachRow",
  "JSONCompactEachRow",
  "JSONCompactEachRowWithNamesAndTypes",
  "JSONObjectEachRow",
] as const)("a select in %s", async (format) => {
  const result = await client.query({
    query: "SELECT number AS n, toString(number) AS s FROM numbers(3)",
    format,
  });
  const text = JSON.stringify(await result.json());
  for (const value of ["0", "1", "2"]) expect(text).toContain(value);
});

test.each([
  ["CSV", '0,"0"\n1,"1"\n'],
  ["CSVWithNames", '"n","s"\n0,"0"\n1,"1"\n'],
  ["TabSeparated", "0\t0\n1\t1\n"],
  ["TabSeparatedWithNamesAndTypes", "n\ts\nUInt64\tString\n0\t0\n1\t1\n"],
] as const)("a select in %s", async (format, expected) => {
  const result = await client.query({
    query: "SELECT number AS n, toString(number) AS s FROM numbers(2)",
    format,
  });
  expect(await result.text()).toBe(expected);
});

test("Parquet leaves and comes back as it was", async () => {
  await client.command({ query: "CREATE TABLE parquet (a UInt64, s String) ENGINE = MergeTree ORDER BY a" });
  const out = await client.exec({
    query: "SELECT number AS a, hex(number) AS s FROM numbers(1000) FORMAT Parquet",
  });
  const bytes = Buffer.concat(await out.stream.toArray());
  expect(bytes.subarray(0, 4).toString()).toBe("PAR1");
  const sent = await client.exec({
    query: "INSERT INTO parquet FORMAT Parquet",
    values: Readable.from([bytes]),
  });
  await sent.stream.toArray();
  expect(
    await rows("SELECT count() AS n, sum(a) AS total, any(length(s)) AS l FROM parquet WHERE s = hex(a)"),
  ).toMatchObject([{ n: 1000, total: 499_500 }]);
});

test("DDL: replacing tables, views, materialized views, alter, optimize", async () => {
  await client.command({
    query: "CREATE TABLE versions (k String, v UInt64, x String) ENGINE = ReplacingMergeTree(v) ORDER BY k",
  });
  await client.command({ query: "CREATE VIEW newest AS SELECT k, x FROM versions FINAL" });
  await client.command({
    query:
      "CREATE MATERIALIZED VIEW counted ENGINE = SummingMergeTree ORDER BY k AS SELECT k, count() AS n FROM versions GROUP BY k",
  });
  await client.insert({
    table: "versions",
    values: [
      { k: "a", v: 2, x: "new" },
      { k: "b", v: 1, x: "only" },
    ],
    format: "JSONEachRow",
  });
  await client.insert({ table: "versions", values: [{ k: "a", v: 1, x: "old" }], format: "JSONEachRow" });
  expect(await rows("SELECT * FROM newest ORDER BY k")).toEqual([
    { k: "a", x: "new" },
    { k: "b", x: "only" },
  ]);
  await client.command({ query: "OPTIMIZE TABLE versions FINAL" });
  expect(await rows("SELECT count() AS n FROM versions")).toEqual([{ n: 2 }]);
  expect(await rows("SELECT k, sum(n) AS n FROM counted GROUP BY k ORDER BY k")).toEqual([
    { k: "a", n: 2 },
    { k: "b", n: 1 },
  ]);
  await client.command({ query: "ALTER TABLE versions ADD COLUMN y UInt8 DEFAULT 7" });
  expect(await rows("SELECT DISTINCT y FROM versions")).toEqual([{ y: 7 }]);
  expect(
    await rows("SELECT name FROM system.tables WHERE database = 'default' AND name = 'versions'"),
  ).toEqual([{ name: "versions" }]);
});

test("a batch of 10 000 rows, an empty one, a stream, columns left out", async () => {
  await client.command({
    query: "CREATE TABLE batch (a UInt64, s String DEFAULT 'none') ENGINE = MergeTree ORDER BY a",
  });
  const values = Array.from({ length: 10_000 }, (_, a) => ({ a, s: `row ${a} ; \n\t'"\\` }));
  const { summary } = await client.insert({ table: "batch", values, format: "JSONEachRow" });
  expect(summary?.written_rows).toBe("10000");
  await client.insert({ table: "batch", values: [], format: "JSONEachRow" });
  await client.insert({
    table: "batch",
    values: Readable.from([{ a: 10_000 }, { a: 10_001 }], { objectMode: true }),
    columns: ["a"],
    format: "JSONEachRow",
  });
  await client.insert({
    table: "batch",
    values: Readable.from(["10002,x\n", "10003,y\n"], { objectMode: false }),
    format: "CSV",
  });
  expect(
    await rows(
      "SELECT count() AS n, countIf(s LIKE 'row % ; \\n\\t\\'\"\\\\\\\\') AS odd, max(a) AS top FROM batch",
    ),
  ).toEqual([{ n: 10_004, odd: 10_000, top: 10_003 }]);
});

test("async inserts that are waited for are readable when acknowledged", async () => {
  await client.command({ query: "CREATE TABLE buffered (a UInt64) ENGINE = MergeTree ORDER BY a" });
  await Promise.all(
    Array.from({ length: 10 }, (_, a) =>
      client.insert({
        table: "buffered",
        values: [{ a }],
        format: "JSONEachRow",
        clickhouse_settings: { async_insert: 1, wait_for_async_insert: 1 },
      }),
    ),
  );
  expect(await rows("SELECT count() AS n, sum(a) AS total FROM buffered")).toEqual([{ n: 10, total: 45 }]);
});

test.each([{ multipart: false }, { multipart: true }])(
  "parameters of every shape reach the query, multipart $multipart",
  async ({ multipart }) => {
    const text = "tab\tline\nquote'\"`back\\slash;-- {x:y} 日本語 🙂 %41+&";
    const [row] = await rows<Record<string, unknown>>(
      `SELECT {text:String} AS text, {n:Nullable(String)} AS n, {list:Array(String)} AS list, {map:Map(String, UInt8)} AS map,
        {big:UInt64} AS big, {t:DateTime64(9, 'UTC')} AS t, {flag:Bool} AS flag, {table:Identifier} AS id
       FROM (SELECT 1 AS column)`,
      {
        query_params: {
          text,
          n: null,
          list: [text, ""],
          map: new Map([["k'", 1]]),
          big: "18446744073709551615",
          t: "1700000000.123456789",
          flag: true,
          table: "column",
        },
        clickhouse_settings: { output_format_json_quote_64bit_integers: 1 },
        use_multipart_params: multipart,
      },
    );
    expect(row).toEqual({
      text,
      n: null,
      list: [text, ""],
      map: { "k'": 1 },
      big: "18446744073709551615",
      t: "2023-11-14 22:13:20.123456789",
      flag: true,
      id: 1,
    });
  },
);

test("thousands of tuples in an IN list, as one parameter beyond the limit on a query's own length", async () => {
  await client.command({
    query: "CREATE TABLE pairs (a String, b String) ENGINE = MergeTree ORDER BY (a, b)",
  });
  const pairs = Array.from({ length: 20_000 }, (_, i) => ({ a: `tenant-${i % 7}`, b: `trace-'${i}\\` }));
  await client.insert({ table: "pairs", values: pairs, format: "JSONEachRow" });
  const result = await client.query({
    query: "SELECT count() AS n FROM pairs WHERE (a, b) IN {pairs:Array(Tuple(String, String))}",
    query_params: { pairs: pairs.slice(0, 15_000).map(({ a, b }) => new TupleParam([a, b])) },
    format: "JSONEachRow",
    use_multipart_params: true,
  });
  expect(await result.json()).toEqual([{ n: 15_000 }]);
});

test("a parameter that was not given is an error, also in a session that had it before", async () => {
  const query = "SELECT {p:String} AS p";
  expect(await rows(query, { query_params: { p: "1" }, session_id: "params" })).toEqual([{ p: "1" }]);
  expect((await failure(rows(query, { session_id: "params" }))).code).toBe("456");
  expect((await failure(rows(query))).code).toBe("456");
});

test("a settings of one request is gone in the next; an unknown one is refused", async () => {
  const query = "SELECT getSetting('max_threads') AS n, getSetting('max_block_size') AS b";
  const [before] = await rows<{ n: number }>(query);
  expect(await rows(query, { clickhouse_settings: { max_threads: 1, max_block_size: "77" } })).toEqual([
    { n: 1, b: 77 },
  ]);
  expect(await rows(query)).toEqual([before]);
  const error = await failure(rows("SELECT 1", { clickhouse_settings: { no_such_setting: 1 } }));
  expect(error).toMatchObject({ code: "115", type: "UNKNOWN_SETTING" });
});

test("a deduplication token holds for its insert alone", async () => {
  await client.command({
    query:
      "CREATE TABLE tokens (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100",
  });
  const insert = (a: number, token: string) =>
    client.insert({
      table: "tokens",
      values: [{ a }],
      format: "JSONEachRow",
      clickhouse_settings: { insert_deduplication_token: token, insert_deduplicate: 1, async_insert: 0 },
    });
  await insert(1, "one");
  await insert(1, "one");
  await insert(2, "two");
  await client.insert({ table: "tokens", values: [{ a: 3 }], format: "JSONEachRow" });
  await client.insert({ table: "tokens", values: [{ a: 4 }], format: "JSONEachRow" });
  expect(await rows("SELECT a FROM tokens ORDER BY a")).toEqual([{ a: 1 }, { a: 2 }, { a: 3 }, { a: 4 }]);
});

test("a session keeps temporary tables, SET and USE; request settings do not stay in it", async () => {
  const session = createClient({ url: server.url, session_id: "session-1", max_open_connections: 1 });
  const ask = async (query: string, settings = {}) =>
    (await session.query({ query, format: "JSONEachRow", clickhouse_settings: settings })).json();
  try {
    await session.command({ query: "CREATE TEMPORARY TABLE mine (a UInt8)" });
    await session.command({ query: "INSERT INTO mine VALUES (5)" });
    await session.command({ query: "SET max_threads = 1" });
    expect(await ask("SELECT a, getSetting('max_threads') AS t FROM mine")).toEqual([{ a: 5, t: 1 }]);
    expect(await ask("SELECT getSetting('max_threads') AS t", { max_threads: 2, readonly: "1" })).toEqual([
      { t: 2 },
    ]);
    expect(await ask("SELECT getSetting('max_threads') AS t")).toEqual([{ t: 1 }]);
    await session.command({ query: "INSERT INTO mine VALUES (6)" });
    expect((await failure(rows("SELECT * FROM mine"))).code).toBe("60");
  } finally {
    await session.close();
  }
});

test("two requests in one session at once: the second is refused", async () => {
  const session = createClient({ url: server.url, session_id: "locked" });
  try {
    const slow = session.query({ query: "SELECT sleep(1)", format: "JSONEachRow" });
    const error = await failure(
      (async () => {
        for (;;) await (await session.query({ query: "SELECT 1", format: "JSONEachRow" })).text();
      })(),
    );
    expect(error).toMatchObject({ code: "373", type: "SESSION_IS_LOCKED" });
    await (await slow.catch(() => undefined))?.text();
  } finally {
    await session.close();
  }
});

test.each([true, false])("compressed both ways: %s", async (on) => {
  const packed = createClient({ url: server.url, compression: { request: on, response: on } });
  try {
    const table = `packed_${on}`;
    await packed.command({
      query: `CREATE TABLE ${table} (a UInt64, s String) ENGINE = MergeTree ORDER BY a`,
    });
    const values = Array.from({ length: 5000 }, (_, a) => ({ a, s: "x".repeat(100) }));
    await packed.insert({ table, values, format: "JSONEachRow" });
    const result = await packed.query({ query: `SELECT * FROM ${table} ORDER BY a`, format: "JSONEachRow" });
    expect(result.response_headers["content-encoding"]).toBe(on ? "gzip" : undefined);
    expect(await result.json()).toEqual(values);
  } finally {
    await packed.close();
  }
});

test.each(["JSONEachRow", "CSV"] as const)("a large select streams in %s, row for row", async (format) => {
  const result = await client.query({ query: "SELECT number FROM numbers(1000000)", format });
  let count = 0;
  let total = 0;
  for await (const batch of result.stream()) {
    for (const row of batch) {
      count += 1;
      total += format === "CSV" ? Number(row.text) : (row.json() as { number: number }).number;
    }
  }
  expect({ count, total }).toEqual({ count: 1_000_000, total: 499_999_500_000 });
});

test("an error in the middle of a stream reaches the reader as ClickHouse's", async () => {
  const result = await client.query({
    query:
      "SELECT throwIf(number = 3000000, 'third million') AS x FROM numbers(10000000) SETTINGS max_threads = 1",
    format: "JSONEachRow",
  });
  await expect(
    (async () => {
      for await (const _ of result.stream());
    })(),
  ).rejects.toThrow("third million");
});

test("a large insert streams through, compressed too", async () => {
  await client.command({ query: "CREATE TABLE large (a UInt64, s String) ENGINE = MergeTree ORDER BY a" });
  const packed = createClient({ url: server.url, compression: { request: true } });
  function* objects(): Generator<{ a: number; s: string }> {
    for (let a = 0; a < 120_000; a += 1) yield { a, s: "payload ".repeat(12) };
  }
  try {
    for (const one of [client, packed]) {
      const { summary } = await one.insert({
        table: "large",
        values: Readable.from(objects(), { objectMode: true }),
        format: "JSONEachRow",
      });
      expect(summary?.written_rows).toBe("120000");
    }
  } finally {
    await packed.close();
  }
  expect(await rows("SELECT count() AS n, uniqExact(a) AS u, sum(a) AS t FROM large")).toEqual([
    { n: 240_000, u: 120_000, t: 119_999 * 120_000 },
  ]);
});

test("a bad row in a large insert is that insert's error, and the server goes on", async () => {
  await client.command({ query: "CREATE TABLE picky (a UInt64) ENGINE = MergeTree ORDER BY a" });
  function* chunks(): Generator<string> {
    for (let i = 0; i < 200; i += 1) yield `10000${i}\n`.repeat(10_000);
    yield "no number\n";
  }
  const error = await failure(
    client.insert({
      table: "picky",
      values: Readable.from(chunks(), { objectMode: false }),
      format: "TabSeparated",
    }),
  );
  expect(error.code).toBe("27");
  const missing = await failure(
    client.insert({
      table: "not_there",
      values: Readable.from(chunks(), { objectMode: false }),
      format: "TabSeparated",
    }),
  );
  expect(missing).toMatchObject({ code: "60", type: "UNKNOWN_TABLE" });
  expect(await client.ping()).toMatchObject({ success: true });
});

test("50 requests at once", async () => {
  const many = createClient({ url: server.url, max_open_connections: 50 });
  try {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const result = await many.query({
          query:
            "SELECT {i:UInt32} AS i, getSetting('max_block_size') AS b, sum(number) AS s FROM numbers(100000)",
          query_params: { i },
          clickhouse_settings: { max_block_size: String(1000 + i) },
          format: "JSONEachRow",
        });
        return (await result.json<{ i: number; b: number }>())[0];
      }),
    );
    expect(answers.map((answer) => [answer?.i, answer?.b])).toEqual(answers.map((_, i) => [i, 1000 + i]));
  } finally {
    await many.close();
  }
});

test("a query that is aborted stops in the engine", async () => {
  const abort = new AbortController();
  const marker = "aborted_by_its_client";
  const count = async () =>
    (
      await rows<{ n: number }>(
        `SELECT count() AS n FROM system.processes WHERE query LIKE '%${marker}%' AND query NOT LIKE '%system.processes%'`,
      )
    )[0]?.n;
  const running = client.query({
    query: `SELECT sum(sipHash64(number)) AS ${marker} FROM numbers(1000000000000)`,
    format: "JSONEachRow",
    abort_signal: abort.signal,
  });
  while ((await count()) !== 1);
  abort.abort();
  await expect(running).rejects.toThrow("aborted");
  while ((await count()) !== 0);
});

test("KILL QUERY takes the id the client gave", async () => {
  const running = failure(
    client.query({
      query: "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)",
      format: "JSONEachRow",
      query_id: "to-be-killed",
    }),
  );
  let stopped: unknown;
  void running.then((error) => {
    stopped = error;
  });
  while (stopped === undefined) {
    await client.command({ query: "KILL QUERY WHERE query_id = 'to-be-killed' ASYNC" });
  }
  expect((await running).code).toBe("394");
});
