// Rebuilds one trace, and kills itself on the way: after its session was told ("persist"), or before it is scheduled ("schedule").
import { createClient } from "@clickhouse/client";
import { createEventSourcingPipeline, parseTenantId } from "@es/core";
import { createLogger } from "@es/host";
import { spanEventStoreClickHouse, traceProjectionStoreClickHouse } from "@es/trace-clickhouse";
import { TraceProjectionEventHandler } from "@es/trace-projection";
import { createTraceSessions } from "@es/trace-wiring";

const [url, database, traceId, before] = process.argv.slice(2);
const client = createClient({ url });
const die = () => process.kill(process.pid, "SIGKILL");
const set = {
  projection: "trace",
  revision: 0,
  serving: 1,
  previous: null,
  generations: [{ number: 1, state: "serving", since: 0n }],
};
const sessions = createTraceSessions({
  client,
  stores: { database },
  view: { current: async () => set },
  runnable: [1],
  schedule: die,
  logger: createLogger({ name: "killed" }),
});
const hooks = sessions.hooksOf(1);
const { service } = createEventSourcingPipeline({
  eventStore: spanEventStoreClickHouse(client, { database }),
  projectionStore: traceProjectionStoreClickHouse(client, { database }),
  eventHandler: new TraceProjectionEventHandler(),
  serviceOptions: {
    hooks: {
      ...hooks,
      async beforePersist(record, ref) {
        await hooks.beforePersist?.(record, ref);
        if (before === "persist") die();
        return undefined;
      },
    },
  },
});
const context = { tenantId: parseTenantId("default") };
await service.rebuildProjection(traceId, { eventStoreContext: context, projectionStoreContext: context });
