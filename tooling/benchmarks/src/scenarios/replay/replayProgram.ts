// One replay of everything, as a worker that does nothing else makes it.
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createEventSourcingPipeline } from "@es/core";
import { Replays, startReplayRunner } from "@es/processing";
import { LeasesMemory } from "@es/queue-memory";
import { AggregateSourceClickHouse, ReplayStoreClickHouse } from "@es/store-clickhouse";
import { spanEventStoreClickHouse, spanTable, traceProjectionStoreClickHouse } from "@es/trace-clickhouse";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import { answerCalls } from "../../harness/program.js";

/** Where it works. */
export interface ReplayPlace {
  readonly clickhouseUrl: string;
  readonly database: string;
}

/** Pages that are rebuilt at once: the default of the worker. */
const CONCURRENCY = 32;
let replayAll = async () => 0;
let close = async () => {};

answerCalls({ open, replay: () => replayAll() }, () => close());

function open({ clickhouseUrl, database }: ReplayPlace): void {
  const client = createClient({
    url: clickhouseUrl,
    request_timeout: 60_000,
    log: { level: ClickHouseLogLevel.OFF },
  });
  const store = new ReplayStoreClickHouse(client, { database });
  const replays = new Replays(store);
  const { service } = createEventSourcingPipeline({
    eventStore: spanEventStoreClickHouse(client, { database }),
    projectionStore: traceProjectionStoreClickHouse(client, { database }),
    eventHandler: new TraceProjectionEventHandler(),
  });
  replayAll = async () => {
    const { definition } = await replays.start({ ratePerSecond: null });
    await new Promise<void>((resolve) => {
      const runner = startReplayRunner({
        store,
        source: new AggregateSourceClickHouse(client, { database, table: spanTable() }),
        service,
        leases: new LeasesMemory(),
        concurrency: CONCURRENCY,
        onEnded: () => void runner.stop().then(resolve),
      });
    });
    const { progress } = (await replays.get(definition.id)) ?? {};
    if (progress === undefined || progress === null) throw new Error("The replay is gone.");
    return progress.rebuilt;
  };
  close = () => client.close();
}
