import { Agent, request } from "node:http";
import { connect } from "node:net";
import { brotliCompressSync, brotliDecompressSync, deflateSync, gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningClickHouse, startClickHouse } from "../src/index.js";
import { parameters, send, temporaryDirectory, until } from "./support.js";

const directory = temporaryDirectory();
let server: RunningClickHouse;

beforeAll(async () => {
  server = await startClickHouse({ dataDir: directory.path, allowedHosts: ["clickhouse.internal"] });
});

afterAll(async () => {
  await server.close();
  directory.remove();
});

const ask = (sql: string, values: Record<string, string | number> = {}) =>
  send(server.url, parameters(values), { body: sql });
const post = (query: string, body: Buffer | string, headers: Record<string, string> = {}) =>
  send(server.url, parameters({ query }), { body, headers });

test("health checks", async () => {
  expect(await send(server.url, "/ping")).toMatchObject({ status: 200, text: "Ok.\n" });
  expect(await send(server.url, "/replicas_status")).toMatchObject({ status: 200, text: "Ok.\n" });
  expect(await send(server.url, "/")).toMatchObject({ status: 200, text: "Ok.\n" });
  expect(await send(server.url, "/ping", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  const missing = await send(server.url, "/no/such/path");
  expect(missing.status).toBe(404);
  expect(missing.text).toContain("There is no handle /no/such/path");
  expect((await send(server.url, "/", { method: "DELETE" })).status).toBe(405);
});

test("headers of an answer", async () => {
  const answer = await ask("SELECT number FROM numbers(3)", {
    query_id: "my-id",
    default_format: "JSONEachRow",
  });
  expect(answer.text).toBe('{"number":0}\n{"number":1}\n{"number":2}\n');
  expect(answer.headers).toMatchObject({
    "x-clickhouse-query-id": "my-id",
    "x-clickhouse-format": "JSONEachRow",
    "x-clickhouse-timezone": expect.stringMatching(/./),
    "x-clickhouse-server-display-name": expect.stringMatching(/./),
    "content-type": "application/x-ndjson; charset=UTF-8",
  });
  expect(JSON.parse(String(answer.headers["x-clickhouse-summary"]))).toMatchObject({
    result_rows: "3",
    written_rows: "0",
  });
  const named = await ask("SELECT 1 FORMAT CSV", { default_format: "JSON", session_timezone: "Asia/Tokyo" });
  expect(named.headers["x-clickhouse-format"]).toBe("CSV");
  expect(named.headers["x-clickhouse-timezone"]).toBe("Asia/Tokyo");
  const byHeader = await send(server.url, "/?query=SELECT+1", {
    headers: { "X-ClickHouse-Format": "JSONCompactEachRow" },
  });
  expect(byHeader.text).toBe("[1]\n");
});

test.each([
  ["SELECT * FROM no_such_table", 60, 404],
  ["SELECT no_such_column", 47, 404],
  ["SELECT no_such_function()", 46, 404],
  ["SELEC 1", 62, 400],
  ["SELECT 1; SELECT 2", 62, 400],
  ["", 62, 400],
  ["SELECT toInt8('x')", 6, 400],
  ["SELECT 1 FORMAT NoSuchFormat", 73, 404],
  ["SELECT throwIf(1)", 395, 500],
  ["SELECT sleep(2) SETTINGS max_execution_time = 1", 159, 408],
  ["SELECT 1 INTO OUTFILE '/tmp/never'", 358, 500],
])("%j fails with code %d and status %d", async (sql, code, status) => {
  const answer = await ask(sql);
  expect(answer.headers["x-clickhouse-exception-code"]).toBe(String(code));
  expect(answer.text).toMatch(
    new RegExp(`^Code: ${code}\\. DB::Exception: [\\s\\S]*\\([A-Z_]+\\) \\(version [\\d.]+\\)\\n$`),
  );
  expect(answer.status).toBe(status);
});

test("one thread formats an answer, unless a request asks for more", async () => {
  const name = "output_format_parallel_formatting";
  const value = `SELECT value FROM system.settings WHERE name = '${name}'`;
  expect((await ask(value)).text).toBe("0\n");
  expect((await ask(value, { [name]: 1 })).text).toBe("1\n");
  expect((await ask(value)).text).toBe("0\n");
});

test("a GET may not write, nor lift that ban", async () => {
  await ask("CREATE TABLE guarded (a UInt8) ENGINE = Memory");
  for (const values of [{}, { readonly: 0 }, { session_id: "get" }]) {
    const answer = await send(server.url, parameters({ query: "INSERT INTO guarded VALUES (1)", ...values }));
    expect(answer.headers["x-clickhouse-exception-code"]).toBe("164");
  }
  const drop = await send(server.url, parameters({ query: "DROP TABLE guarded" }));
  expect(drop.headers["x-clickhouse-exception-code"]).toBe("164");
  expect(
    (await send(server.url, parameters({ query: "SELECT count() FROM guarded", max_threads: 1 }))).text,
  ).toBe("0\n");
  expect((await send(server.url, parameters({ query: "SELECT 1" }), { method: "HEAD" })).status).toBe(200);
});

test("database, and one that does not exist", async () => {
  await ask("CREATE DATABASE other");
  await ask("CREATE TABLE place (a UInt8) ENGINE = Memory", { database: "other" });
  expect((await ask("SELECT database FROM system.tables WHERE name = 'place'")).text).toBe("other\n");
  expect((await ask("SELECT currentDatabase()")).text).toBe("default\n");
  const missing = await ask("SELECT 1", { database: "nowhere" });
  expect([missing.headers["x-clickhouse-exception-code"], missing.status]).toEqual(["81", 404]);
});

test.each([
  "RowBinary",
  "Native",
  "Parquet",
  "ArrowStream",
  "MsgPack",
  "TabSeparated",
  "CSV",
  "JSONEachRow",
  "Values",
])("%s comes back byte for byte as it went in", async (format) => {
  const table = `bytes_${format}`;
  await ask(`CREATE TABLE ${table} (a UInt64, s String, n Nullable(Float64)) ENGINE = MergeTree ORDER BY a`);
  // 10, 32 and 59 begin rows in RowBinary: line break, blank and semicolon are data there.
  const source = await ask(
    `SELECT [10, 32, 59, 0, 255, 13][number + 1]::UInt64 AS a, concat(';\\nSELECT 1;', char(0, 39, 92, 9), toString(number)) AS s,
        if(number = 2, NULL, number / 2) AS n FROM numbers(6) FORMAT ${format}`,
  );
  const written = await post(`INSERT INTO ${table} FORMAT ${format}`, source.bytes);
  expect(written.text).toBe("");
  expect(JSON.parse(String(written.headers["x-clickhouse-summary"])).written_rows).toBe("6");
  const digest = (from: string) =>
    ask(`SELECT count(), sum(a), groupArray(hex(s)), groupArray(n) FROM (SELECT * FROM ${from} ORDER BY a)`);
  const expected = `(SELECT [10, 32, 59, 0, 255, 13][number + 1]::UInt64 AS a, concat(';\\nSELECT 1;', char(0, 39, 92, 9), toString(number)) AS s,
        if(number = 2, NULL, number / 2) AS n FROM numbers(6))`;
  expect((await digest(table)).text).toBe((await digest(expected)).text);
});

test("data with an empty line in the middle is inserted whole", async () => {
  await ask("CREATE TABLE lines (s String) ENGINE = MergeTree ORDER BY tuple()");
  expect((await post("INSERT INTO lines FORMAT TabSeparated", "a\n\n\nb\n")).text).toBe("");
  // The length of a text of ten bytes is a line break, too.
  const texts = ["\n", "\n\n", "ten bytes!", "\n\n\n;\n\n", "x".repeat(5), "\nten bytes"];
  const rows = Buffer.concat(texts.map((text) => Buffer.from(`${String.fromCharCode(text.length)}${text}`)));
  expect((await post("INSERT INTO lines FORMAT RowBinary", rows)).text).toBe("");
  expect(
    JSON.parse((await ask("SELECT groupArray(s) AS all FROM lines FORMAT JSONEachRow")).text).all.sort(),
  ).toEqual(["a", "", "", "b", ...texts].sort());
});

test("an INSERT in the body alone, data behind the statement", async () => {
  await ask("CREATE TABLE inline (a UInt8, s String) ENGINE = Memory");
  await ask('INSERT INTO inline FORMAT JSONEachRow\n{"a":1,"s":"x;y"}\n');
  await ask("INSERT INTO inline VALUES (2, 'a;b'), (3, 'c');");
  await ask("INSERT INTO inline SELECT 4, 'selected'");
  const input = await post(
    "INSERT INTO inline SELECT a + 1, s FROM input('a UInt8, s String') FORMAT CSV",
    '4,"input"\n',
  );
  // The engine would take the statement and lose the data, so it is not let near it.
  expect([input.status, input.headers["x-clickhouse-exception-code"]]).toEqual([501, "48"]);
  expect(
    (await ask("SELECT groupArray(concat(toString(a), s)) FROM (SELECT * FROM inline ORDER BY a)")).text,
  ).toBe("['1x;y','2a;b','3c','4selected']\n");
  const second = await ask("INSERT INTO inline VALUES (9, 'x'); DROP TABLE inline");
  expect(second.headers["x-clickhouse-exception-code"]).toBe("27");
  expect((await ask("SELECT count() FROM inline")).text).toBe("4\n");
});

test("an INSERT without data writes nothing and checks its table", async () => {
  await ask("CREATE TABLE empty (a UInt8) ENGINE = Memory");
  expect((await post("INSERT INTO empty FORMAT JSONEachRow", "")).status).toBe(200);
  expect((await post("INSERT INTO no_such_table FORMAT JSONEachRow", "")).status).toBe(404);
});

test.each([
  ["gzip", gzipSync],
  ["deflate", deflateSync],
  ["br", brotliCompressSync],
] as const)("a request body in %s", async (encoding, compress) => {
  const answer = await send(server.url, "/", {
    body: compress(Buffer.from("SELECT 'packed'")),
    headers: { "Content-Encoding": encoding },
  });
  expect(answer.text).toBe("packed\n");
});

test("a broken and an unknown request encoding", async () => {
  const cut = gzipSync(Buffer.from("SELECT 1".repeat(100))).subarray(0, 20);
  const broken = await send(server.url, "/", { body: cut, headers: { "Content-Encoding": "gzip" } });
  expect(broken.headers["x-clickhouse-exception-code"]).toBe("354");
  const unknown = await send(server.url, "/", { body: "x", headers: { "Content-Encoding": "lzma" } });
  expect([unknown.headers["x-clickhouse-exception-code"], unknown.status]).toEqual(["48", 501]);
});

test.each([
  ["gzip", gunzipSync],
  ["br", brotliDecompressSync],
] as const)("an answer in %s, small and streamed, only when asked for", async (encoding, decompress) => {
  for (const rows of [10, 400_000]) {
    const query = `SELECT number FROM numbers(${rows})`;
    const headers = { "Accept-Encoding": encoding };
    const plain = await send(server.url, "/", { body: query, headers });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    const packed = await send(server.url, "/?enable_http_compression=1", { body: query, headers });
    expect(packed.headers["content-encoding"]).toBe(encoding);
    expect(decompress(packed.bytes).equals(plain.bytes)).toBe(true);
  }
});

test("parameters and external tables in a multipart form", async () => {
  const boundary = "----boundary";
  const body = [
    `--${boundary}\r\nContent-Disposition: form-data; name="param_least"\r\n\r\n2`,
    `--${boundary}\r\nContent-Disposition: form-data; name="given"; filename="given"\r\nContent-Type: text/plain\r\n\r\n1\ta\n2\tb\n3\tc\n`,
    `--${boundary}--\r\n`,
  ].join("\r\n");
  const answer = await send(
    server.url,
    parameters({
      query: "SELECT s FROM given WHERE id >= {least:UInt8} ORDER BY id",
      given_structure: "id UInt8, s String",
    }),
    { body, headers: { "Content-Type": `multipart/form-data; boundary=${boundary}` } },
  );
  expect(answer.text).toBe("b\nc\n");
});

test("a URL of hundreds of kilobytes", async () => {
  const long = "x".repeat(300_000);
  expect(
    (await send(server.url, parameters({ query: "SELECT length({s:String})", param_s: long }))).text,
  ).toBe("300000\n");
});

test("an error in mid-stream is told, and the answer cut off", async () => {
  const sql = "SELECT throwIf(number = 3000000, 'too far') FROM numbers(10000000) SETTINGS max_threads = 1";
  const answer = await ask(sql);
  const tag = answer.headers["x-clickhouse-exception-tag"];
  expect([answer.status, answer.cutOff]).toEqual([200, true]);
  const block = answer.text.slice(answer.text.indexOf("\r\n__exception__"));
  expect(block).toMatch(
    new RegExp(
      `^\\r\\n__exception__\\r\\n${tag}\\r\\nCode: 395[\\s\\S]*\\d+ ${tag}\\r\\n__exception__\\r\\n$`,
    ),
  );
  const whole = await ask(sql, { wait_end_of_query: 1 });
  expect([whole.status, whole.headers["x-clickhouse-exception-code"]]).toEqual([500, "395"]);
});

test("sessions: checked, timed out, their settings and database put back", async () => {
  const missing = await ask("SELECT 1", { session_id: "s1", session_check: 1 });
  expect([missing.headers["x-clickhouse-exception-code"], missing.status]).toEqual(["372", 500]);
  await ask("SET max_threads = 1", { session_id: "s1" });
  expect((await ask("SELECT getSetting('max_threads')", { session_id: "s1", session_check: 1 })).text).toBe(
    "1\n",
  );
  expect(
    (
      await ask("SELECT getSetting('max_threads'), currentDatabase()", {
        session_id: "s1",
        max_threads: 2,
        database: "system",
      })
    ).text,
  ).toBe("2\tsystem\n");
  expect((await ask("SELECT getSetting('max_threads'), currentDatabase()", { session_id: "s1" })).text).toBe(
    "1\tdefault\n",
  );
  expect(
    (await ask("SELECT 1", { session_id: "s2", session_timeout: 999_999 })).headers[
      "x-clickhouse-exception-code"
    ],
  ).toBe("374");
  await ask("SELECT 1", { session_id: "brief", session_timeout: 0 });
  await until(async () => (await ask("SELECT 1", { session_id: "brief", session_check: 1 })).status === 500);
});

test("the same query id twice at once", async () => {
  const slow = ask("SELECT sleep(1)", { query_id: "twin" });
  await until(
    async () =>
      (await ask("SELECT 1", { query_id: "twin" })).headers["x-clickhouse-exception-code"] === "216",
  );
  expect((await slow).status).toBe(200);
});

test("a reader that stops reading stops the engine, and memory stays bounded", async () => {
  const before = process.memoryUsage().rss;
  const sql = "SELECT number, repeat('x', 100) AS paused_reader FROM numbers(30000000) FORMAT RowBinary";
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(`${server.url}/`, { method: "POST" }, (incoming) => {
      incoming.once("data", (chunk: Buffer) => {
        received += chunk.length;
        incoming.pause();
        resolve();
        setTimeout(() => outgoing.destroy(), 500);
      });
    });
    outgoing.once("error", reject);
    outgoing.end(sql);
  });
  const running = async () =>
    (
      await ask(
        "SELECT count() FROM system.processes WHERE query LIKE '%paused_reader%' AND query NOT LIKE '%processes%'",
      )
    ).text;
  expect(await running()).toBe("1\n");
  expect(received).toBeGreaterThan(0);
  await until(async () => (await running()) === "0\n");
  expect(process.memoryUsage().rss - before).toBeLessThan(600 * 1024 * 1024);
});

// A row cut off in the middle is a shorter row in CSV, and one with fewer columns in none of them an error of its own.
test.each([
  ["CSV", (row: number) => `${1_000_000_000 + row},${"x".repeat(1000)}\n`],
  ["JSONEachRow", (row: number) => `{"a":${1_000_000_000 + row},"s":"${"x".repeat(1000)}"}\n`],
] as const)(
  "an upload in %s that breaks off, within its first block, leaves nothing",
  async (format, rowOf) => {
    const table = `torn_${format}`;
    await ask(`CREATE TABLE ${table} (a UInt64, s String) ENGINE = MergeTree ORDER BY a`);
    const text = Array.from({ length: 1000 }, (_, row) => rowOf(row)).join("");
    for (const cut of [5, 12, 300]) {
      const outgoing = request(
        `${server.url}${parameters({ query: `INSERT INTO ${table} FORMAT ${format}` })}`,
        { method: "POST" },
      );
      outgoing.on("error", () => {});
      for (let i = 0; i < 20; i += 1) await new Promise((resolve) => outgoing.write(text, resolve));
      await new Promise((resolve) => outgoing.write(rowOf(7).slice(0, cut), resolve));
      const running = async () =>
        (await ask(`SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO ${table}%'`)).text;
      await until(async () => (await running()) === "1\n");
      outgoing.destroy();
      await until(async () => (await running()) === "0\n");
      expect((await ask(`SELECT count() FROM ${table}`)).text).toBe("0\n");
    }
  },
);

test("an upload that breaks off behind several blocks leaves whole blocks of whole rows", async () => {
  await ask("CREATE TABLE blocks (a UInt64, s String) ENGINE = MergeTree ORDER BY a");
  const settings = {
    max_insert_block_size: 1000,
    max_block_size: 1000,
    min_insert_block_size_rows: 1000,
    min_insert_block_size_bytes: 0,
    input_format_parallel_parsing: 0,
    max_insert_threads: 1,
  };
  const outgoing = request(
    `${server.url}${parameters({ query: "INSERT INTO blocks FORMAT CSV", ...settings })}`,
    { method: "POST" },
  );
  outgoing.on("error", () => {});
  const text = `1000000000,${"x".repeat(1000)}\n`.repeat(1000);
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => outgoing.write(text, resolve));
  outgoing.write("123");
  const count = async () => Number((await ask("SELECT count() FROM blocks")).text);
  await until(async () => (await count()) >= 10_000);
  outgoing.destroy();
  await until(
    async () =>
      (await ask("SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO blocks%'")).text ===
      "0\n",
  );
  expect((await count()) % 1000).toBe(0);
  expect((await ask("SELECT countIf(a != 1000000000 OR length(s) != 1000) FROM blocks")).text).toBe("0\n");
});

test("a small upload that breaks off is not run at all", async () => {
  await ask("CREATE TABLE brief (a UInt64) ENGINE = MergeTree ORDER BY a");
  for (const headers of [{}, { "Content-Length": "1000" }, { "Content-Encoding": "gzip" }]) {
    const outgoing = request(`${server.url}${parameters({ query: "INSERT INTO brief FORMAT CSV" })}`, {
      method: "POST",
      headers,
    });
    outgoing.on("error", () => {});
    const body = Buffer.from("1\n22");
    const sent = "Content-Encoding" in headers ? gzipSync(body) : body;
    await new Promise((resolve) => outgoing.write(sent, resolve));
    outgoing.destroy();
    await new Promise((resolve) => outgoing.once("close", resolve));
  }
  // Behind them in line, on a connection of its own.
  await ask("INSERT INTO brief VALUES (7)");
  expect((await ask("SELECT groupArray(a) FROM brief")).text).toBe("[7]\n");
});

test.each([
  ["an unknown table", "INSERT INTO nowhere FORMAT CSV", {}, "60"],
  ["a wrong password", "INSERT INTO nowhere FORMAT CSV", { "X-ClickHouse-Key": "wrong" }, "516"],
  ["a statement too large", "SELECT 1 /*", {}, "229"],
  ["an unknown setting", "INSERT INTO nowhere FORMAT CSV", {}, "115"],
])("%s is told to a client that reads its answer only behind 300 MB", async (_, query, headers, code) => {
  const socket = connect(server.port, "127.0.0.1");
  let answer = "";
  const extra = code === "115" ? { no_such_setting: 1 } : {};
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const size = 300 * 1024 * 1024;
  socket.pause();
  socket.write(
    `POST ${parameters({ query, ...extra })} HTTP/1.1\r\nHost: localhost\r\n${lines.join("")}Content-Length: ${size}\r\n\r\n`,
  );
  const chunk = Buffer.from("1\n".repeat(512 * 1024));
  for (let sent = 0; sent < size; sent += chunk.length)
    await new Promise<void>((resolve, reject) =>
      socket.write(chunk, (error) => (error ? reject(error) : resolve())),
    );
  socket.write("GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  socket.on("data", (part: Buffer) => {
    answer += part.toString("latin1");
  });
  await new Promise((resolve) => socket.once("close", resolve).resume());
  expect(answer).toContain(`X-ClickHouse-Exception-Code: ${code}\r\n`);
  // The connection serves on.
  expect(answer).toMatch(/\r\nOk\.\n$/);
});

test("web pages and foreign host names are refused, programs are not", async () => {
  const get = (headers: Record<string, string>) => send(server.url, "/?query=SELECT+1", { headers });
  for (const headers of [
    { Host: "evil.example" },
    { Origin: "https://evil.example" },
    { Origin: "null" },
    { Origin: "http://203.0.113.5" },
    { "Sec-Fetch-Site": "cross-site" },
  ]) {
    expect((await get(headers)).status).toBe(403);
  }
  for (const headers of [
    { Host: "localhost:8123" },
    { Host: "[::1]:8123" },
    { Host: "clickhouse.internal:8123" },
    { Origin: "http://localhost:3000" },
  ]) {
    expect((await get(headers as Record<string, string>)).text).toBe("1\n");
  }
});

test("connections are kept alive, and pipelined rubbish does no harm", async () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ports = new Set<number | undefined>();
  agent.on("free", (socket: { localPort?: number }) => ports.add(socket.localPort));
  for (let i = 0; i < 3; i += 1)
    expect((await send(server.url, "/?query=SELECT+1", { agent })).text).toBe("1\n");
  agent.destroy();
  expect(ports.size).toBe(1);
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.end("not http at all\r\n\r\n");
  await new Promise((resolve) => socket.once("close", resolve).resume());
  expect((await send(server.url, "/ping")).text).toBe("Ok.\n");
});

test("rubbish behind a request is not answered within the answer that is under way", async () => {
  const socket = connect(server.port, "127.0.0.1");
  let answer = "";
  socket.on("error", () => {});
  socket.on("data", (part: Buffer) => {
    answer += part.toString("latin1");
  });
  const query = "SELECT 'row', number FROM system.numbers LIMIT 20000000 FORMAT TSV";
  socket.write(`GET ${parameters({ query })} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await until(() => answer.includes("row"));
  socket.write("not http at all\r\n\r\n");
  await new Promise((resolve) => socket.once("close", resolve));
  expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
});
