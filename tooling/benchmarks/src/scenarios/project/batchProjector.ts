// The least there is to do: read many traces, fold them, tell their sessions, write what comes out; then the same with the
// sessions, each once. No queue, and nobody else.
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createEventStream } from "@es/core";
import { createAcceptedClock } from "@es/core/adapter";
import { sessionEventsOf } from "@es/session-projection";
import {
  sessionEventStoreClickHouse,
  sessionGenerationStorageClickHouse,
} from "@es/session-projection/clickhouse";
import { spanEventStoreClickHouse, traceProjectionStoreClickHouse } from "@es/trace-clickhouse";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";
import type { RebuildPlace } from "./rebuilding.js";
import { recordOf, sessionHandler, traceHandler } from "./recordOf.js";

const AT_ONCE = 500;
/** While one batch is folded here, the engine reads and writes others. */
const BATCHES_AT_ONCE = 3;

/** Those that were told something since they were rebuilt. */
const toldSessions = new Set<string>();
let rebuildTraces = async (_traceIds: readonly string[]) => {};
let rebuildSome = async (_sessionIds: readonly string[]) => {};
let close = async () => {};

answerCalls({ open, rebuild, rebuildSessions }, () => close());

async function open({ clickhouseUrl, database }: RebuildPlace): Promise<void> {
  const client = createClient({ url: clickhouseUrl, log: { level: ClickHouseLogLevel.OFF } });
  const events = spanEventStoreClickHouse(client, { database });
  const projections = traceProjectionStoreClickHouse(client, { database });
  const sessionEvents = sessionEventStoreClickHouse(client, { database });
  const sessions = sessionGenerationStorageClickHouse(client, { database }).storeOf(sessionHandler.version);
  const clock = createAcceptedClock();
  rebuildTraces = async (traceIds) => {
    const read = await events.getEventsOfMany(traceIds, { tenantId });
    const records = [...read].map(([id, stored]) => recordOf(traceHandler, createEventStream(id, stored)));
    const told = records.flatMap((record) => sessionEventsOf(record, traceHandler.version, clock));
    if (told.length > 0) await sessionEvents.storeEvents(told, { tenantId });
    await projections.storeProjections(records, { tenantId });
    for (const { aggregateId } of told) toldSessions.add(aggregateId);
  };
  rebuildSome = async (sessionIds) => {
    const read = await sessionEvents.getEventsOfMany(sessionIds, { tenantId });
    const records = [...read].map(([id, stored]) => recordOf(sessionHandler, createEventStream(id, stored)));
    await sessions.storeProjections(records, { tenantId });
  };
  close = () => client.close();
}

/** Seconds. */
async function rebuild(traceIds: readonly string[]): Promise<number> {
  const start = performance.now();
  await inBatches(traceIds, rebuildTraces);
  return (performance.now() - start) / 1_000;
}

async function rebuildSessions(): Promise<void> {
  await inBatches([...toldSessions], rebuildSome);
  toldSessions.clear();
}

async function inBatches(
  ids: readonly string[],
  work: (batch: readonly string[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const takeBatches = async () => {
    while (next < ids.length) {
      const batch = ids.slice(next, next + AT_ONCE);
      next += AT_ONCE;
      await work(batch);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, takeBatches));
}
