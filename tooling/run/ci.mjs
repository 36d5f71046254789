// What .ci/run runs: `npm test` and, beside it, the container run, whatever comes of either, and the sum of both.
import { requireNode } from "./bootstrap.mjs";
import { check, prepare, test } from "./checks.mjs";
import { expectRuns, runBeside, summarize } from "./suite.mjs";

requireNode();
expectRuns(2);
await prepare();
// Tests wait a lot: for processes to start, locks to run out, engines to come back. Two files at once leave a core idle often.
const containers = runBeside("tooling/run/ciContainers.mjs");
await check();
await test([]);
await containers.finish();
process.exit(summarize());
