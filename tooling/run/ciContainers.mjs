// The container run of .ci/run, as a process beside the other: it names its Docker daemon in its environment. Writes what
// came of it to the file that is its argument.
import { testInContainers } from "./checks.mjs";
import { exportRuns } from "./suite.mjs";

/**
 * What an engine behind a network and another distribution could change: the contracts of the stores and the queue, and the
 * apps as a whole. `npm run test:containers` runs all that needs engines.
 */
const selection = [
  "queue-bullmq/test/contract",
  "queue-bullmq/test/leases",
  "store-clickhouse/src/migrate",
  "store-clickhouse/src/eventsTable",
  "store-clickhouse/src/projectionStoreClickHouse",
  "store-clickhouse/src/lagSourceClickHouse",
  "trace-clickhouse/src/",
  "session-projection/src/clickhouse/",
  "conformance/test/engines",
  "e2e/test/apps",
];

await testInContainers(selection, { maxWorkers: 1 });
exportRuns(process.argv[2]);
// Whatever the engines left open: the other process waits for the end of this one.
process.exit();
