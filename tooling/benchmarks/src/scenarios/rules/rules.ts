import { createEventSourcingPipeline, createEventStream } from "@es/core";
import {
  spanEventStoreClickHouse,
  TraceReadRepositoryClickHouse,
  traceProjectionStoreClickHouse,
} from "@es/trace-clickhouse";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import { BENCH_TENANT, type Place, takePlace } from "../../engines/place.js";
import { migrateTraceTables } from "../../engines/traceTables.js";
import type { Contender } from "../../harness/comparison.js";
import { watchProcesses } from "../../harness/processUsage.js";
import type { Scenario } from "../../harness/scenario.js";
import { type RecordedTrace, recordedTraces } from "./recordedTraces.js";

/** Of a round: many conventions take turns. */
const SHARE_OF_ROUND = 0.25;
const FLOOR = "floor: one look at every attribute";
const handler = new TraceProjectionEventHandler();

export const rules: Scenario = {
  name: "rules",
  title: "Rules",
  about:
    "What the rules of one convention after the other cost: traces that real SDKs sent, those of the conformance tests, are ordered and " +
    "folded in one process without any engine. The floor looks at every attribute of every span once. Then the projections of the same " +
    "traces are read one after the other from ClickHouse, as the read API does: whatever sent a trace, reading it costs the same.",
  async run({ options, startEngines, selects, compare }) {
    const seconds = options.secondsPerRound * SHARE_OF_ROUND;
    const traces = [...recordedTraces()];
    if (selects("folding by convention")) {
      await compare({
        name: "folding by convention",
        unit: "spans",
        contenders: [
          ...traces.map(([name, recorded]) => folds({ name, recorded, seconds })),
          looks({ recorded: traces.flatMap(([, recorded]) => recorded), seconds }),
        ],
      });
    }
    if (!selects("reading by convention")) return;
    const place = takePlace(await startEngines());
    try {
      await migrateTraceTables(place);
      const [first] = traces;
      await compare({
        name: "reading by convention",
        unit: "projections",
        figures: { bytes: { label: "bytes of JSON", unit: "" } },
        contenders: traces.map(([name, recorded]) => reads({ name, recorded, seconds, place })),
        targets: traces.slice(1).map(([contender]) => ({
          says: `${contender}: at least two thirds of ${first?.[0]}'s`,
          contender,
          ...(first === undefined ? {} : { relativeTo: first[0] }),
          atLeast: 2 / 3,
        })),
      });
    } finally {
      await place.close();
    }
  },
};

interface Measured {
  readonly recorded: readonly RecordedTrace[];
  readonly seconds: number;
}

function folds({ name, recorded, seconds }: Measured & { readonly name: string }): Contender {
  return works({ name, role: "ours", recorded, seconds }, (trace) => {
    handler.handle(createEventStream(trace[0]?.aggregateId ?? "", trace));
  });
}

function looks(measured: Measured): Contender {
  let seen = 0;
  return works({ name: FLOOR, role: "floor", ...measured }, (trace) => {
    for (const { data } of trace) for (const [key] of data.attributes) seen += key.length;
    if (seen === 0) throw new Error("The spans have no attributes.");
  });
}

function works(
  { name, role, recorded, seconds }: Measured & Pick<Contender, "name" | "role">,
  work: (trace: RecordedTrace) => void,
): Contender {
  return {
    name,
    role,
    async round() {
      const used = watchProcesses({ fold: process.pid });
      const start = performance.now();
      let count = 0;
      do {
        for (const trace of recorded) {
          work(trace);
          count += trace.length;
        }
      } while (performance.now() - start < seconds * 1_000);
      return { count, seconds: (performance.now() - start) / 1_000, processes: used() };
    },
  };
}

function reads({
  name,
  recorded,
  seconds,
  place,
}: Measured & { readonly name: string; readonly place: Place }): Contender {
  const { client, database } = place;
  const repository = new TraceReadRepositoryClickHouse(client, { database });
  const traceIds = recorded.flatMap(([first]) => (first === undefined ? [] : [first.aggregateId]));
  return {
    name,
    role: "ours",
    async open() {
      const contexts = {
        eventStoreContext: { tenantId: BENCH_TENANT },
        projectionStoreContext: { tenantId: BENCH_TENANT },
      };
      const eventStore = spanEventStoreClickHouse(client, { database });
      await eventStore.storeEvents(recorded.flat(), contexts.eventStoreContext);
      const { service } = createEventSourcingPipeline({
        eventStore,
        projectionStore: traceProjectionStoreClickHouse(client, { database }),
        eventHandler: handler,
      });
      const { rebuilt } = await service.rebuildProjections(traceIds, contexts);
      if (rebuilt !== traceIds.length)
        throw new Error(`${name}: ${rebuilt} of ${traceIds.length} traces were rebuilt.`);
    },
    async round() {
      const used = watchProcesses({ reader: process.pid, ...place.pids });
      const start = performance.now();
      let [count, bytes] = [0, 0];
      do {
        const traceId = traceIds[count % traceIds.length] ?? "";
        const trace = await repository.getTrace(BENCH_TENANT, traceId);
        if (trace === null) throw new Error(`${name}: ${traceId} is not there.`);
        bytes += JSON.stringify(trace).length;
        count += 1;
      } while (performance.now() - start < seconds * 1_000);
      return {
        count,
        seconds: (performance.now() - start) / 1_000,
        figures: { bytes: bytes / count },
        processes: used(),
      };
    },
  };
}
