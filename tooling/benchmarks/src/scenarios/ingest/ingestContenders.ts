import { encodeTraceRequest, type OtlpEncoding } from "@es/otlp";
import { insertSettings } from "@es/store-clickhouse";
import type { TestEngines } from "@es/tooling-engines";
import { startApp } from "../../engines/app.js";
import { contenderAtPlace } from "../../engines/contenderAtPlace.js";
import type { Place } from "../../engines/place.js";
import { migrateTraceTables, nativeBlock } from "../../engines/traceTables.js";
import type { Contender, Round } from "../../harness/comparison.js";
import { type Pids, watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import { genAiTraces, SPANS_PER_TRACE } from "../../load/genAiTraces.js";
import type { HttpLoadResult, HttpLoadRun, HttpLoadTarget } from "../../load/httpLoad.js";
import { ID_PREFIX } from "../../load/patchedBody.js";
import type { LiteralIngestOptions } from "./literalIngest.js";

export interface Requests {
  readonly encoding: OtlpEncoding;
  readonly spansPerRequest: number;
  readonly connections: number;
}

export interface IngestLoad extends Requests {
  readonly seconds: number;
  /** Spans that are sent per second; without it, as many as are acknowledged. */
  readonly spansPerSecond?: number;
}

/** A server that takes requests. */
export interface Receiver {
  readonly target: HttpLoadTarget;
  readonly pids: Pids;
  close(): Promise<void>;
}

/** Rows of a block that goes straight to the engine: more are not faster there. */
const FLOOR_ROWS = 10_000;
const FLOOR_CONNECTIONS = 2;
/** Different requests that are sent in turns, as many as hold this many spans, and at least one per connection. */
const TEMPLATE_SPANS = 4_000;

export const OURS = "ours";
export const FLOOR = "floor: Native blocks straight to the engine";
export const LITERAL = "an insert per request";

export function oursTakes(engines: TestEngines, load: IngestLoad): Contender {
  return contender({ name: OURS, role: "ours", engines, load }, (place) => startIngestApp(place, load));
}

export function literalTakes(engines: TestEngines, load: IngestLoad): Contender {
  return contender({ name: LITERAL, role: "baseline", engines, load }, async (place) => {
    await migrateTraceTables(place);
    return startLiteralIngest(place, load);
  });
}

export function engineTakes(engines: TestEngines, load: IngestLoad): Contender {
  return contender({ name: FLOOR, role: "floor", engines, load: asBlocks(load) }, async (place) => {
    await migrateTraceTables(place);
    return engineReceiver(place);
  });
}

/** `apps/ingest`. It makes the tables. */
export async function startIngestApp(place: Place, requests: Requests): Promise<Receiver> {
  const app = await startApp("ingest", place.environment);
  return {
    target: otlpTarget(app.url, requests),
    pids: { ingest: app.pid },
    close: () => app.close(),
  };
}

/** An insert per request. The tables are there. */
export async function startLiteralIngest(place: Place, requests: Requests): Promise<Receiver> {
  const program = await Program.start("scenarios/ingest/literalIngest.js");
  const { clickhouseUrl, database, redisUrl, prefix } = place;
  const options: LiteralIngestOptions = { clickhouseUrl, database, redisUrl, prefix };
  const url = await program.call<string>("listen", options);
  return { target: otlpTarget(url, requests), pids: { ingest: program.pid }, close: () => program.stop() };
}

/** The same load as blocks for the engine. */
export function asBlocks<TLoad extends Requests>(load: TLoad): TLoad {
  return { ...load, spansPerRequest: FLOOR_ROWS, connections: FLOOR_CONNECTIONS };
}

/** The engine itself, of whose tables one takes `asBlocks`. The tables are there. */
export async function engineReceiver(place: Place): Promise<Receiver> {
  const bodies: Uint8Array[] = [];
  let query = "";
  for (let seed = 1; seed <= FLOOR_CONNECTIONS; seed++) {
    const { statement, block } = await nativeBlock(place, FLOOR_ROWS / SPANS_PER_TRACE, seed);
    bodies.push(block);
    query = statement;
  }
  const url = new URL(place.clickhouseUrl);
  for (const [name, value] of Object.entries({ query, ...insertSettings }))
    url.searchParams.set(name, String(value));
  return {
    target: { url: url.href, headers: {}, bodies, ids: "hex", expectedReply: "" },
    pids: {},
    close: async () => {},
  };
}

interface ContenderSetUp {
  readonly name: string;
  readonly role: Contender["role"];
  readonly engines: TestEngines;
  readonly load: IngestLoad;
}

function contender(
  { name, role, engines, load }: ContenderSetUp,
  openReceiver: (place: Place) => Promise<Receiver>,
): Contender {
  return contenderAtPlace({
    name,
    role,
    engines,
    async open(place, closers) {
      const receiver = await openReceiver(place);
      closers.push(() => receiver.close());
      const generator = await Program.start("load/httpLoad.js");
      closers.push(() => generator.stop());
      await generator.call("aim", receiver.target);
      return { receiver, generator };
    },
    async prepare(place) {
      await place.empty("spans");
      await place.forgetQueue();
    },
    async round(place, { receiver, generator }): Promise<Round> {
      const { connections, seconds, spansPerRequest, spansPerSecond } = load;
      const used = watchProcesses({ ...receiver.pids, ...place.pids, load: generator.pid });
      const run: HttpLoadRun = {
        connections,
        seconds,
        ...(spansPerSecond === undefined ? {} : { requestsPerSecond: spansPerSecond / spansPerRequest }),
      };
      const result = await generator.call<HttpLoadResult>("run", run);
      const processes = used();
      const count = result.acknowledged * spansPerRequest;
      const stored = await place.count(
        `SELECT count() FROM (SELECT DISTINCT TraceId, SpanId FROM ${place.database}.spans)`,
      );
      if (stored < count) throw new Error(`${name}: ${count} spans were acknowledged, ${stored} are stored.`);
      const { p50, p95, p99 } = result.latencyMs;
      return { count, seconds: result.seconds, figures: { p50, p95, p99 }, processes };
    },
  });
}

function otlpTarget(url: string, { encoding, spansPerRequest, connections }: Requests): HttpLoadTarget {
  const templates = Math.max(connections, Math.ceil(TEMPLATE_SPANS / spansPerRequest));
  return {
    url: `${url}/v1/traces`,
    headers: { "content-type": encoding === "json" ? "application/json" : "application/x-protobuf" },
    bodies: Array.from({ length: templates }, (_, seed) =>
      encodeTraceRequest(
        genAiTraces({ traces: spansPerRequest / SPANS_PER_TRACE, seed: seed + 1, idPrefix: ID_PREFIX }),
        encoding,
      ),
    ),
    ids: encoding === "json" ? "hex" : "bytes",
    expectedReply: encoding === "json" ? "{}" : "",
  };
}
