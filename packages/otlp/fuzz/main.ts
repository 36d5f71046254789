import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { encodeTraceRequest } from "../src/index.js";
import { Connection } from "./connection.js";
import { makeCorpus } from "./corpus.js";
import { protobufMeaning } from "./expectation.js";
import { type FuzzRequest, makeRequest } from "./fuzzRequest.js";
import { faultOf } from "./judge.js";

const usage = `fuzz [--seed <n>] [--bodies <n>] [--from <n>]

Sends mutated OTLP requests to the endpoint in a process of its own, and compares what it stored with what another decoder
reads. --from begins at a later body of the seed, to repeat one.`;

const CONNECTIONS = 8;
const MAX_RSS = 400 * 2 ** 20;
const CONTROL_EVERY = 1_000;

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    bodies: { type: "string", default: "100000" },
    from: { type: "string", default: "0" },
    help: { type: "boolean" },
  },
});
if (values.help === true) {
  console.log(usage);
  process.exit(0);
}
const [seed, bodies, from] = [values.seed, values.bodies, values.from].map(Number) as [
  number,
  number,
  number,
];
if (![seed, bodies, from].every(Number.isSafeInteger)) throw new RangeError(usage);

const corpus = makeCorpus(seed);
const child = fork(fileURLToPath(new URL("./server.js", import.meta.url)), {
  stdio: ["ignore", "inherit", "inherit", "ipc"],
});
let ended: string | undefined;
child.once("exit", (code, signal) => {
  ended = `the server ended with ${signal ?? code}`;
});
const [port] = (await once(child, "message")) as [number];

const control: FuzzRequest = (() => {
  const body = Buffer.from(encodeTraceRequest(corpus.spans[0] ?? [], "protobuf"));
  const head = `POST /v1/traces HTTP/1.1\r\nHost: fuzz\r\nx-tenant: control\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`;
  return {
    bytes: [Buffer.concat([Buffer.from(head), body])],
    meaning: protobufMeaning(body),
    isPlain: true,
    isLast: false,
    isCut: false,
  };
})();

const faults: string[] = [];
const statuses = new Map<string, number>();
let stored = 0;
let next = from;
let rss = 0;
let unexpected = 0;

async function memory(): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/memory`);
  const report = (await response.json()) as { rss: number; unexpected: number };
  rss = Math.max(rss, report.rss);
  unexpected = report.unexpected;
}

async function runConnection(): Promise<void> {
  let connection: Connection | undefined;
  const exchange = async (request: FuzzRequest, name: string, mustSucceed: boolean): Promise<void> => {
    connection ??= await Connection.open(port);
    await connection.send(request.bytes);
    if (request.isCut) connection.end();
    const reply = await connection.reply();
    const status = reply === undefined ? "closed" : String(reply.status);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    stored += Number(reply?.headers.get("x-count") ?? 0);
    const fault =
      faultOf(request, reply) ?? (mustSucceed && status !== "200" ? `status ${status}` : undefined);
    if (fault !== undefined) faults.push(`${name}: ${fault}`);
    if (reply === undefined || reply.closes || request.isLast) {
      connection.destroy();
      connection = undefined;
    }
  };
  while (next < from + bodies && faults.length < 20 && ended === undefined) {
    const place = next++;
    try {
      await exchange(makeRequest(corpus, seed, place), `--seed ${seed} --from ${place} --bodies 1`, false);
      if (place % CONTROL_EVERY === 0) {
        await exchange(control, `the good request after ${place}`, true);
        await memory();
      }
    } catch (error) {
      faults.push(`--seed ${seed} --from ${place} --bodies 1: ${ended ?? String(error)}`);
      connection?.destroy();
      connection = undefined;
    }
  }
  connection?.destroy();
}

const started = performance.now();
await Promise.all(Array.from({ length: CONNECTIONS }, runConnection));
if (ended !== undefined) faults.push(ended);
else await memory();
if (unexpected > 0) faults.push(`${unexpected} unexpected errors`);
if (rss > MAX_RSS) faults.push(`${rss} bytes of memory, more than ${MAX_RSS}`);
child.removeAllListeners("exit");
if (child.connected) child.disconnect();

const seconds = (performance.now() - started) / 1_000;
const table = [...statuses]
  .sort(([a], [b]) => a.localeCompare(b))
  .map(([status, count]) => `${status}: ${count}`);
console.log(
  `seed ${seed}: ${next - from} bodies in ${seconds.toFixed(0)} s; ${table.join(", ")}; ` +
    `${stored} spans stored; at most ${Math.round(rss / 2 ** 20)} MiB of memory`,
);
for (const fault of faults) console.log(`FAULT ${fault}`);

// As many heavy bodies as take about as long.
const heavy = spawnSync(
  process.execPath,
  [
    "--expose-gc",
    fileURLToPath(new URL("./heavy.js", import.meta.url)),
    "--seed",
    String(seed),
    "--bodies",
    String(Math.ceil(bodies / 200)),
  ],
  { stdio: ["ignore", "inherit", "inherit"] },
);
process.exit(faults.length === 0 && heavy.status === 0 ? 0 : 1);
