import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { Agent } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { parameters, send, temporaryDirectory, until } from "./support.js";

// These tests run the package as it is built, in processes of their own, with limits of their own.
const bin = fileURLToPath(new URL("../bin/clickhouse-embedded.cjs", import.meta.url));
const built = new URL("../dist/index.js", import.meta.url).href;

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

function freshDirectory(): string {
  const directory = temporaryDirectory();
  undo.push(() => directory.remove());
  return directory.path;
}

interface Running {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  readonly ended: Promise<number | null>;
}

/** Runs Node in a shell that first sets a limit or a mask. */
function run(shell: string, args: readonly string[]): Running {
  const child = spawn("sh", ["-c", `${shell}; exec "$0" "$@"`, process.execPath, ...args], {
    env: { ...process.env, UV_THREADPOOL_SIZE: "8" },
  });
  const output = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.err += text;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  undo.push(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return { child, output, ended };
}

async function startBin(shell: string, dataDir: string): Promise<Running & { readonly url: string }> {
  const running = run(shell, [bin, "--data-dir", dataDir, "--port", "0"]);
  await until(() => running.output.out.includes("\n") || running.child.exitCode !== null);
  const url = /^ClickHouse is ready at (\S+)\n$/.exec(running.output.out)?.[1];
  if (url === undefined) throw new Error(`it did not start: ${running.output.err}`);
  return { ...running, url };
}

/** Opens a connection that sends half of its headers and nothing more. */
function halfOpen(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  socket.resume();
  socket.on("connect", () => socket.write("POST /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nX-Half: "));
  undo.push(() => socket.destroy());
  return socket;
}

test("connections with half of their headers take no files from statements, and are closed in seconds", async () => {
  const { url } = await startBin("ulimit -n 400", freshDirectory());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  undo.push(() => agent.destroy());
  const ask = () => send(url, "/", { body: "SELECT number FROM numbers(3)", agent });
  expect((await ask()).text).toBe("0\n1\n2\n");
  const halves = Array.from({ length: 500 }, () => halfOpen(url));
  await until(() => halves.every((socket) => !socket.connecting || socket.closed));
  for (let i = 0; i < 40; i += 1) {
    const answer = await ask();
    expect([answer.status, answer.text]).toEqual([200, "0\n1\n2\n"]);
  }
  await until(() => halves.every((socket) => socket.closed));
  expect((await send(url, "/", { body: "SELECT 4" })).text).toBe("4\n");
});

test("every pipe comes back when the process had no file left, for answers, streamed and large inserts", async () => {
  const code = `
    import { Agent, request } from "node:http";
    import { closeSync, openSync } from "node:fs";
    import { startClickHouse } from ${JSON.stringify(built)};
    const clickhouse = await startClickHouse({ dataDir: ${JSON.stringify(freshDirectory())} });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const post = (search, body) => new Promise((resolve, reject) => {
      const outgoing = request(clickhouse.url + search, { method: "POST", agent }, (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk) => { text += chunk; });
        answer.on("end", () => resolve({ status: answer.statusCode, code: answer.headers["x-clickhouse-exception-code"], text }));
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
    const data = "?query=INSERT+INTO+fed+FORMAT+RowBinary";
    const kinds = {
      select: ["/", "SELECT 7"],
      large: ["/" + data, Buffer.alloc(1_000_000)],
      streamed: ["/" + data, Buffer.alloc(12_000_000)],
    };
    await post("/", "CREATE TABLE fed (a FixedString(100)) ENGINE = MergeTree ORDER BY a");
    const report = {};
    for (const [kind, [search, body]] of Object.entries(kinds)) {
      const taken = [];
      for (;;) { try { taken.push(openSync("/dev/null", "r")); } catch { break; } }
      const codes = new Set();
      // One descriptor short, two short, and so on: the second of two ends fails as well as the first.
      for (let free = 0; free < 2; free += 1) {
        for (let i = 0; i < 10; i += 1) codes.add((await post(search, body)).status);
        closeSync(taken.pop());
      }
      const before = await clickhouse.check().then(() => "fine", (error) => error.message);
      for (const fd of taken) closeSync(fd);
      const after = [];
      for (let i = 0; i < 20; i += 1) after.push((await post(search, body)).status);
      report[kind] = { refused: [...codes], after: [...new Set(after)] };
    }
    report.check = await clickhouse.check().then(() => "fine", (error) => error.message);
    console.log(JSON.stringify(report));
    process.exit(0);`;
  const { output, ended } = run("ulimit -n 300", ["--input-type=module", "--eval", code]);
  expect([await ended, output.err]).toEqual([0, ""]);
  expect(JSON.parse(output.out)).toEqual({
    select: { refused: [503], after: [200] },
    large: { refused: [503], after: [200] },
    streamed: { refused: [503], after: [200] },
    check: "fine",
  });
});

test("a client that stops in the middle of a small body is given up after the idle timeout", async () => {
  const running = run("true", [bin, "--data-dir", freshDirectory(), "--port", "0", "--idle-timeout", "0.5"]);
  await until(() => running.output.out.includes("\n"));
  const url = /at (\S+)/.exec(running.output.out)?.[1] as string;
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  undo.push(() => socket.destroy());
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.write("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\nSELECT 1");
  await until(() => text.includes("Code: 209."));
  expect(text).toMatch(/^HTTP\/1.1 503 /);
});

test("too few files, a worker thread: one sentence that says what to do", async () => {
  const few = run("ulimit -n 64", [bin, "--data-dir", freshDirectory(), "--port", "0"]);
  expect(await few.ended).toBe(1);
  expect(few.output.err).toMatch(
    /^clickhouse-embedded: this process may open 64 files at once, but 7 statements .* \(ulimit -n\) .*\(TOO_FEW_FILES\)\n$/,
  );
  const thread = `
    import { Worker } from "node:worker_threads";
    const source = 'import(${JSON.stringify(built)}).then(({ startClickHouse }) => startClickHouse({ dataDir: ${JSON.stringify(freshDirectory())} })).catch((error) => console.log(error.code + ": " + error.message))';
    new Worker(source, { eval: true });`;
  const inThread = run("true", ["--input-type=module", "--eval", thread]);
  expect([await inThread.ended, inThread.output.err]).toEqual([0, ""]);
  expect(inThread.output.out).toMatch(/^WORKER_THREAD: .* cannot run in a worker thread.*\n$/);
});

/** Every file and folder at and below a path that others than its owner may open, following folders they may enter. */
function openToOthers(path: string): string[] {
  const { mode } = statSync(path);
  if ((mode & 0o077) === 0) return [];
  if (!statSync(path).isDirectory() || (mode & 0o011) === 0) return [path];
  return [path, ...readdirSync(path).flatMap((name) => openToOthers(join(path, name)))];
}

test.each(["umask 000", "umask 022", "umask 077"])(
  "others may open nothing it keeps, with %s",
  async (mask) => {
    const folder = freshDirectory();
    const dataDir = join(folder, "made", "by it");
    const { url, child, ended } = await startBin(mask, dataDir);
    await send(url, "/", { body: "CREATE TABLE prompts (s String) ENGINE = MergeTree ORDER BY s" });
    const rows = `${"x".repeat(99)}\n`.repeat(6_000);
    await send(url, parameters({ query: "INSERT INTO prompts FORMAT TSV" }), { body: rows });
    expect(openToOthers(dataDir)).toEqual([]);
    expect(statSync(join(folder, "made")).mode & 0o077).toBe(0);
    const pipes = readdirSync(tmpdir()).filter((name) => name.startsWith("clickhouse-embedded-"));
    expect(pipes.flatMap((name) => openToOthers(join(tmpdir(), name)))).toEqual([]);
    child.kill("SIGTERM");
    await ended;
  },
);

test("a folder that was open to others is closed at the next start, a common one is left as it is", async () => {
  const dataDir = freshDirectory();
  const first = await startBin("umask 022", dataDir);
  await send(first.url, "/", { body: "CREATE TABLE kept (s String) ENGINE = MergeTree ORDER BY s" });
  first.child.kill("SIGTERM");
  await first.ended;
  openUp(dataDir);
  const second = await startBin("umask 022", dataDir);
  expect(openToOthers(dataDir)).toEqual([]);
  second.child.kill("SIGTERM");
  await second.ended;

  const common = freshDirectory();
  writeFileSync(join(common, "others.txt"), "not ours");
  for (const name of ["store", "data"]) mkdirSync(join(common, name));
  openUp(common);
  await startBin("umask 022", common);
  expect(statSync(common).mode & 0o777).toBe(0o755);
  expect(openToOthers(join(common, "store"))).toEqual([]);
  expect(openToOthers(join(common, "data"))).toEqual([]);
});

function openUp(path: string): void {
  for (const name of ["", ...readdirSync(path)]) chmodSync(join(path, name), 0o755);
}

test("what a killed process left in the temporary folder is removed at the next start", async () => {
  const dataDir = freshDirectory();
  const first = await startBin("true", dataDir);
  const left = readFileSync(join(dataDir, "clickhouse-embedded.pipes"), "utf8");
  expect(existsSync(left)).toBe(true);
  first.child.kill("SIGKILL");
  await first.ended;
  expect(existsSync(left)).toBe(true);
  const second = await startBin("true", dataDir);
  expect(existsSync(left)).toBe(false);
  second.child.kill("SIGTERM");
  await second.ended;
  expect(existsSync(readFileSync(join(dataDir, "clickhouse-embedded.pipes"), "utf8"))).toBe(false);
});
