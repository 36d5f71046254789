import { randomBytes } from "node:crypto";
import type { TestEngines } from "@es/tooling-engines";
import { BENCH_TENANT, type Place, takePlace } from "../../engines/place.js";
import { fillTraceTables } from "../../engines/traceTables.js";
import type { Contender, Round } from "../../harness/comparison.js";
import { watchProcesses } from "../../harness/processUsage.js";
import { Program } from "../../harness/program.js";
import type { PipelinePlace, SpansToStore } from "./tracePipeline.js";

interface Appending {
  readonly name: string;
  readonly engines: TestEngines;
  /** Spans that the trace has already; without any, each span begins a trace of its own. */
  readonly length: number;
  readonly seconds: number;
}

/** One span after the other comes to a trace, and is in its projection before the next comes. */
export function appendsTo({ name, engines, length, seconds }: Appending): Contender {
  const pipeline = pipelineOf(engines);
  const longTrace = newTraceId();
  let next = length;
  const store = (traceId: string, from: number, spans: number) =>
    pipeline.call<number>("store", { tenantId: BENCH_TENANT, traceId, from, spans } satisfies SpansToStore);
  return {
    name,
    role: "ours",
    async open() {
      await pipeline.open();
      if (length > 0) await store(longTrace, 0, length);
    },
    round: () =>
      pipeline.measure(name, async () => {
        let [spans, spent] = [0, 0];
        do {
          spent += length === 0 ? await store(newTraceId(), 0, 1) : await store(longTrace, next++, 1);
          spans += 1;
        } while (spent < seconds);
        if (length > 0) await pipeline.expectSpans(longTrace, next);
        return { count: spans, seconds: spent };
      }),
    close: () => pipeline.close(),
  };
}

/** What is stored already. */
export interface Filling {
  readonly name: string;
  readonly traces: number;
  readonly tenants: number;
}

interface Rebuilding {
  readonly engines: TestEngines;
  readonly filling: Filling;
  readonly atOnce: number;
  readonly seconds: number;
}

/** Traces of those that are stored are rebuilt, others each time. */
export function rebuildsAmong({ engines, filling, atOnce, seconds }: Rebuilding): Contender {
  const { name, traces, tenants } = filling;
  const pipeline = pipelineOf(engines);
  let refs: readonly (readonly [tenantId: string, traceId: string])[] = [];
  let next = 0;
  return {
    name,
    role: "ours",
    async open() {
      const place = await pipeline.open();
      const { traceIds } = await fillTraceTables(place, traces);
      refs = traceIds.map((traceId) => [BENCH_TENANT, traceId]);
      if (tenants > 1) refs = await spreadOverTenants(place, tenants);
    },
    round: () =>
      pipeline.measure(name, async () => {
        let [count, spent] = [0, 0];
        do {
          const some = Array.from({ length: atOnce }, () => refs[next++ % refs.length]);
          spent += await pipeline.call<number>("rebuild", some);
          count += atOnce;
        } while (spent < seconds);
        return { count, seconds: spent };
      }),
    close: () => pipeline.close(),
  };
}

async function spreadOverTenants(
  { client, database }: Place,
  tenants: number,
): Promise<readonly (readonly [string, string])[]> {
  await client.command({
    query: `CREATE TABLE ${database}.spread ENGINE = Memory AS SELECT * FROM ${database}.spans`,
  });
  await client.command({ query: `TRUNCATE TABLE ${database}.spans SYNC` });
  await client.command({
    query:
      `INSERT INTO ${database}.spans SELECT * REPLACE(concat('bench-', toString(cityHash64(TraceId) % ${tenants})) AS TenantId) ` +
      `FROM ${database}.spread`,
  });
  await client.command({ query: `DROP TABLE ${database}.spread SYNC` });
  const result = await client.query({
    query: `SELECT DISTINCT TenantId, TraceId FROM ${database}.spans ORDER BY cityHash64(TraceId)`,
    format: "JSONCompactEachRow",
  });
  return result.json<readonly [string, string]>();
}

function newTraceId(): string {
  return randomBytes(16).toString("hex");
}

/** A database and a process that stores and rebuilds in it. */
function pipelineOf(engines: TestEngines) {
  let place: Place | undefined;
  let program: Program | undefined;
  const opened = () => {
    if (place === undefined || program === undefined) throw new Error("The pipeline is not open.");
    return { place, program };
  };
  return {
    async open(): Promise<Place> {
      place = takePlace(engines);
      program = await Program.start("scenarios/growth/tracePipeline.js");
      const { clickhouseUrl, database } = place;
      await program.call("open", { clickhouseUrl, database } satisfies PipelinePlace);
      return place;
    },
    call: <T>(name: string, argument: unknown) => opened().program.call<T>(name, argument),
    async measure(name: string, work: () => Promise<Round>): Promise<Round> {
      const used = watchProcesses({ pipeline: opened().program.pid, ...opened().place.pids });
      const round = await work();
      if (round.count === 0) throw new Error(`${name}: nothing was done.`);
      return { ...round, processes: used() };
    },
    async expectSpans(traceId: string, spans: number): Promise<void> {
      const { database } = opened().place;
      const seen = await opened().place.count(
        `SELECT max(SpanCount) FROM ${database}.trace_projections WHERE TraceId = '${traceId}'`,
      );
      if (seen !== spans) throw new Error(`The projection has ${seen} of ${spans} spans.`);
    },
    async close(): Promise<void> {
      await program?.stop();
      await place?.close();
    },
  };
}
