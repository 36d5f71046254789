// The least there is to do: read many traces, fold them, write what comes out. No queue, and nobody else.
import { createClient } from "@clickhouse/client";
import { createEventStream } from "@es/core";
import { spanEventStoreClickHouse, traceProjectionStoreClickHouse } from "@es/trace-projection/clickhouse";
import { BENCH_TENANT as tenantId } from "../../engines/place.js";
import { answerCalls } from "../../harness/program.js";
import type { RebuildPlace } from "./rebuilding.js";
import { recordOf } from "./recordOf.js";

const TRACES_AT_ONCE = 500;
/** While one batch is folded here, the engine reads and writes others. */
const BATCHES_AT_ONCE = 3;

let rebuildBatch = async (_traceIds: readonly string[]) => {};
let close = async () => {};

answerCalls({ open, rebuild }, () => close());

async function open({ clickhouseUrl, database }: RebuildPlace): Promise<void> {
  const client = createClient({ url: clickhouseUrl });
  const events = spanEventStoreClickHouse(client, { database });
  const projections = traceProjectionStoreClickHouse(client, { database });
  rebuildBatch = async (traceIds) => {
    const read = await events.getEventsOfMany(traceIds, { tenantId });
    const records = [...read].map(([aggregateId, stored]) =>
      recordOf(createEventStream(aggregateId, stored)),
    );
    await projections.storeProjections(records, { tenantId });
  };
  close = () => client.close();
}

/** Seconds. */
async function rebuild(traceIds: readonly string[]): Promise<number> {
  const start = performance.now();
  let next = 0;
  const takeBatches = async () => {
    while (next < traceIds.length) {
      const batch = traceIds.slice(next, next + TRACES_AT_ONCE);
      next += TRACES_AT_ONCE;
      await rebuildBatch(batch);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, takeBatches));
  return (performance.now() - start) / 1_000;
}
