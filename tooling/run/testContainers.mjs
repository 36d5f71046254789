// `npm run test:containers`: the tests that need ClickHouse or Redis, on both in containers: official images where a
// registry can be reached, else images built here. `npm run test:containers -- <filter>` runs the files whose path holds
// the filter.
import { requireNode } from "./bootstrap.mjs";
import { prepare, testInContainers } from "./checks.mjs";
import { summarize } from "./suite.mjs";

requireNode();
await prepare();
await testInContainers(process.argv.slice(2));
process.exit(summarize());
