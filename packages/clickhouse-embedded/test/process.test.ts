import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { parameters, send, temporaryDirectory, until } from "./support.js";

// These tests run the package as it is built, in processes of their own.
const bin = fileURLToPath(new URL("../bin/clickhouse-embedded.cjs", import.meta.url));
const built = new URL("../dist/index.js", import.meta.url).href;

interface Running {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

const directories: ReturnType<typeof temporaryDirectory>[] = [];
const started: Running[] = [];

afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill("SIGKILL");
    await ended;
  }
  for (const directory of directories.splice(0)) directory.remove();
});

function freshDirectory(): string {
  const directory = temporaryDirectory();
  directories.push(directory);
  return directory.path;
}

function run(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env } });
  const output = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.err += text;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  started.push({ child, output, ended });
  return { child, output, ended };
}

/** Runs a module that has `clickhouse`, started on a directory of its own, and `post`. */
function embed(code: string, env: Record<string, string> = {}, options = ""): Running {
  const prelude = `
    import { request } from "node:http";
    import { startClickHouse } from ${JSON.stringify(built)};
    const clickhouse = await startClickHouse({ dataDir: ${JSON.stringify(freshDirectory())}, ${options} });
    const post = async (body, search = "") => {
      const answer = await fetch(clickhouse.url + "/" + search, { method: "POST", body });
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      return text;
    };
    const leave = (body, search = "", onAnswer = (answer) => answer.resume()) => {
      const outgoing = request(clickhouse.url + "/" + search, { method: "POST" }, onAnswer);
      outgoing.on("error", () => {});
      outgoing.end(body);
    };`;
  return run(["--input-type=module", "--eval", `${prelude}\n${code}`], env);
}

async function startBin(dataDir: string): Promise<Running & { readonly url: string }> {
  const running = run([bin, "--data-dir", dataDir, "--port", "0"]);
  await until(() => running.output.out.includes("\n") || running.child.exitCode !== null);
  const url = /^ClickHouse is ready at (\S+)\n$/.exec(running.output.out)?.[1];
  if (url === undefined) throw new Error(`it did not start: ${running.output.err}`);
  return { ...running, url };
}

test("kill -9 amid inserts: every acknowledged batch is there, and every batch is whole", async () => {
  const dataDir = freshDirectory();
  let acknowledged: number[] = [];
  let batch = 0;
  for (let round = 0; round < 3; round += 1) {
    const { child, ended, url } = await startBin(dataDir);
    await send(url, "/", {
      body: "CREATE TABLE IF NOT EXISTS batches (batch UInt32, row UInt32) ENGINE = MergeTree ORDER BY (batch, row)",
    });
    const inserted: number[] = [];
    const writer = async () => {
      for (;;) {
        batch += 1;
        const mine = batch;
        const data = Array.from({ length: 100 }, (_, row) => `${mine},${row}\n`).join("");
        const query = "INSERT INTO batches FORMAT CSV";
        const answer = await send(url, parameters({ query }), { body: data }).catch(() => undefined);
        if (answer === undefined) return;
        if (answer.status === 200) inserted.push(mine);
      }
    };
    const writers = [writer(), writer(), writer(), writer()];
    await until(() => inserted.length >= 40);
    child.kill("SIGKILL");
    expect((await ended).signal).toBe("SIGKILL");
    await Promise.all(writers);
    acknowledged = [...acknowledged, ...inserted];
  }
  const { url } = await startBin(dataDir);
  const found = await send(url, "/", {
    body: "SELECT batch, count(), uniqExact(row) FROM batches GROUP BY batch ORDER BY batch FORMAT JSONCompactEachRow",
  });
  const lines = found.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as [number, string | number, string | number]);
  expect(lines.filter(([, rows, unique]) => Number(rows) !== 100 || Number(unique) !== 100)).toEqual([]);
  const there = new Set(lines.map(([id]) => id));
  expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
});

test("a data directory in use and a port taken are one line and exit code 1", async () => {
  const dataDir = freshDirectory();
  const first = await startBin(dataDir);
  const locked = run([bin, "--data-dir", dataDir, "--port", "0"]);
  expect(await locked.ended).toEqual({ code: 1, signal: null });
  expect(locked.output.out).toBe("");
  expect(locked.output.err).toMatch(
    new RegExp(
      `^clickhouse-embedded: .* is locked by process ${first.child.pid};.*\\(DATA_DIR_LOCKED\\)\\n$`,
    ),
  );
  const { port } = new URL(first.url);
  const taken = run([bin, "--data-dir", freshDirectory(), "--port", port]);
  expect(await taken.ended).toEqual({ code: 1, signal: null });
  expect(taken.output.err).toMatch(/^clickhouse-embedded: port \d+ .* is taken;.*\(PORT_IN_USE\)\n$/);
  expect((await send(first.url, "/?query=SELECT+1")).text).toBe("1\n");
});

test("SIGTERM lets what runs finish, then exits with 0, sessions open or not", async () => {
  const { child, ended, url } = await startBin(freshDirectory());
  await send(url, "/?session_id=open", { body: "CREATE TEMPORARY TABLE held (a UInt8)" });
  const slow = send(url, "/", { body: "SELECT sleep(1), 'done'" });
  await until(async () => (await send(url, "/?query=SELECT+count()+FROM+system.processes")).text === "2\n");
  child.kill("SIGTERM");
  expect((await slow).text).toBe("0\tdone\n");
  expect(await ended).toEqual({ code: 0, signal: null });
});

const busy = {
  "an open session": `await post("CREATE TEMPORARY TABLE held (a UInt8)", "?session_id=a");`,
  "an endless select": `leave("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)");`,
  "a reader that stopped":
    'leave("SELECT number FROM numbers(1000000000000)", "", (answer) => answer.once("data", () => answer.pause()));',
  "a streamed insert": `
    await post("CREATE TABLE fed (a UInt8) ENGINE = MergeTree ORDER BY a");
    const feed = request(clickhouse.url + "/?query=INSERT+INTO+fed+FORMAT+RowBinary", { method: "POST" });
    feed.on("error", () => {});
    for (let i = 0; i < 12; i += 1) await new Promise((sent) => feed.write(Buffer.alloc(1_000_000), sent));`,
  "an endless insert": `
    await post("CREATE TABLE filled (a UInt64) ENGINE = MergeTree ORDER BY a");
    leave("INSERT INTO filled SELECT sipHash64(number) FROM numbers(1000000000000)");`,
};

test.each(Object.entries(busy))(
  "a process that exits, throws or is terminated with %s ends as it would without",
  async (name, code) => {
    const wait =
      name === "an open session"
        ? ""
        : `while ((await post("SELECT count() FROM system.processes")) !== "2\\n");`;
    const ends = await Promise.all(
      ["process.exit(3);", 'throw new Error("uncaught");', 'process.kill(process.pid, "SIGTERM");'].map(
        (leaving) => embed(`${code}\n${wait}\n${leaving}`).ended,
      ),
    );
    expect(ends).toEqual([
      { code: 3, signal: null },
      { code: 1, signal: null },
      { code: null, signal: "SIGTERM" },
    ]);
  },
);

test.each(["4", "32"])("50 requests at once in a process with a thread pool of %s", async (size) => {
  const { ended, output } = embed(
    `await post("CREATE TABLE mixed (a UInt32, s String) ENGINE = MergeTree ORDER BY a");
     const large = (n) => Array.from({ length: n }, (_, a) => a + ",xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\n").join("");
     const work = [
       (i) => post("SELECT " + i),
       (i) => post("INSERT INTO mixed VALUES (" + i + ", 'one')"),
       () => post("SELECT number, repeat('x', 20) FROM numbers(200000)", "?enable_http_compression=1"),
       () => post("SELECT sleep(0.1)"),
       () => post(large(200000), "?query=INSERT+INTO+mixed+FORMAT+CSV"),
     ];
     await Promise.all(Array.from({ length: 50 }, (_, i) => work[i % work.length](i)));
     console.log((await post("SELECT count() FROM mixed")).trim());
     await clickhouse.close();
     process.exit(0);`,
    { UV_THREADPOOL_SIZE: size },
  );
  const { code } = await ended;
  expect([code, output.out, output.err]).toEqual([0, "2000010\n", ""]);
});

test("clients that take nothing, or send nothing, give way to others after the idle timeout", async () => {
  const { ended, output } = embed(
    `await post("CREATE TABLE fed (a FixedString(100)) ENGINE = MergeTree ORDER BY a");
     for (const search of ["", "?enable_http_compression=1"]) {
       const outgoing = request(clickhouse.url + "/" + search, { method: "POST", headers: { "Accept-Encoding": "gzip" } }, (answer) => answer.once("data", () => answer.pause()));
       outgoing.on("error", () => {});
       outgoing.end("SELECT sipHash64(number) FROM numbers(1000000000000)");
     }
     const feed = request(clickhouse.url + "/?query=INSERT+INTO+fed+FORMAT+RowBinary", { method: "POST" });
     feed.on("error", () => {});
     for (let i = 0; i < 12; i += 1) await new Promise((sent) => feed.write(Buffer.alloc(1_000_000), sent));
     console.log((await post("SELECT count() FROM fed")).trim());
     await clickhouse.close();
     process.exit(0);`,
    { UV_THREADPOOL_SIZE: "4" },
    "idleTimeoutMs: 500",
  );
  const { code } = await ended;
  expect([code, output.out, output.err]).toEqual([0, "0\n", ""]);
});
