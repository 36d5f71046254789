// What .ci/run runs: `npm test`, then the container run, whatever came of the first, and the sum of both.
import { requireNode } from "./bootstrap.mjs";
import { check, prepare, test, testInContainers } from "./checks.mjs";
import { expectRuns, summarize } from "./suite.mjs";

requireNode();
expectRuns(2);
await prepare();
await check();
await test([]);
await testInContainers([]);
process.exit(summarize());
