// Sends prepared requests, in a process of its own.
import { setTimeout as sleep } from "node:timers/promises";
import { type Percentiles, percentilesOf } from "../harness/percentiles.js";
import { answerCalls } from "../harness/program.js";
import { FreshnessProbe, type FreshnessTarget } from "./freshnessProbe.js";
import { KeptConnection } from "./keptConnection.js";
import { type IdForm, PatchedBody } from "./patchedBody.js";

export interface HttpLoadTarget {
  /** With the credentials, if there are any. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Templates, see `PatchedBody`. */
  readonly bodies: readonly Uint8Array[];
  readonly ids: IdForm;
  /** A success says this. */
  readonly expectedReply: string;
  /** Measures when what was acknowledged can be read. */
  readonly freshness?: FreshnessTarget;
}

export interface HttpLoadRun {
  readonly connections: number;
  /** Requests begin for so long; those that have begun are waited for. */
  readonly seconds: number;
  /** Requests begin at this rate, whatever becomes of them. Without it, each connection sends as soon as it was answered. */
  readonly requestsPerSecond?: number;
  /** No more than so many. */
  readonly requests?: number;
}

export interface HttpLoadResult {
  readonly acknowledged: number;
  /** Answered with 429 or 503, and sent again. */
  readonly putOff: number;
  /** From the first request to the last answer. */
  readonly seconds: number;
  /** From when a request was due to its answer. */
  readonly latencyMs: Percentiles;
  /** From the answer until a trace of the request could be read with all of its spans. */
  readonly freshnessMs?: Percentiles;
}

const PUT_OFF_MS = 50;

let target: HttpLoadTarget | undefined;
let templates: PatchedBody[] = [];
let connections: KeptConnection[] = [];
/** Of all runs, so that no two requests bring the same ids. */
let sent = 0;

answerCalls({
  aim(given: HttpLoadTarget) {
    target = given;
    templates = given.bodies.map((body) => new PatchedBody(body, given.ids));
    for (const connection of connections) connection.close();
    connections = [];
  },
  run,
});

async function run({
  connections: wanted,
  seconds,
  requestsPerSecond,
  requests = Infinity,
}: HttpLoadRun): Promise<HttpLoadResult> {
  if (target === undefined) throw new Error("There is no target yet.");
  if (templates.length < wanted) throw new Error("Each connection needs a body of its own.");
  const url = new URL(target.url);
  // Other contenders had their turn meanwhile.
  connections = connections.filter(({ isOpen }) => isOpen);
  while (connections.length < wanted) connections.push(await KeptConnection.open(url));
  const { expectedReply, freshness } = target;
  const probe = freshness === undefined ? undefined : new FreshnessProbe(freshness);
  const heads = new Map<PatchedBody, string>(templates.map((body) => [body, headOf(url, target!, body)]));
  const free = [...templates.entries()];
  const latencies: number[] = [];
  let putOff = 0;
  let begun = 0;
  const start = performance.now();
  const end = start + seconds * 1_000;

  async function send(connection: KeptConnection, due: number): Promise<void> {
    const [place, body] = free.shift()!;
    const start = body.setIds(sent++);
    for (;;) {
      const reply = await connection.post(heads.get(body)!, body.bytes);
      if (reply.status === 200 && reply.body === expectedReply) break;
      if (reply.status !== 429 && reply.status !== 503)
        throw new Error(`Answered with ${reply.status}: ${reply.body.slice(0, 500)}`);
      putOff++;
      await sleep(PUT_OFF_MS);
    }
    const answered = performance.now();
    latencies.push(answered - due);
    probe?.acknowledged(start + (freshness?.traceIds[place] ?? "").slice(start.length), answered);
    free.push([place, body]);
  }

  await Promise.all(
    connections.slice(0, wanted).map(async (connection) => {
      for (;;) {
        if (begun >= requests) return;
        const number = begun++;
        let due = performance.now();
        if (requestsPerSecond !== undefined) {
          due = start + (number * 1_000) / requestsPerSecond;
          if (due >= end) return;
          const early = due - performance.now();
          if (early > 0) await sleep(early);
        } else if (due >= end) return;
        await send(connection, due);
      }
    }),
  );
  const took = (performance.now() - start) / 1_000;
  return {
    acknowledged: latencies.length,
    putOff,
    seconds: took,
    latencyMs: percentilesOf(latencies),
    ...(probe === undefined ? {} : { freshnessMs: percentilesOf(await probe.finish()) }),
  };
}

function headOf(url: URL, { headers }: HttpLoadTarget, body: PatchedBody): string {
  const lines = {
    host: url.host,
    ...(url.username === ""
      ? {}
      : { authorization: `Basic ${btoa(decodeURIComponent(`${url.username}:${url.password}`))}` }),
    ...headers,
    "content-length": String(body.bytes.length),
  };
  return [
    `POST ${url.pathname}${url.search} HTTP/1.1`,
    ...Object.entries(lines).map(([name, value]) => `${name}: ${value}`),
    "\r\n",
  ].join("\r\n");
}
