// What .ci/run runs: `npm test`; beside it the container run; then a fresh checkout, and a selection on the other supported
// Node.js versions. Each runs whatever comes of the others; the last line is the sum of all.
import { requireNode } from "./bootstrap.mjs";
import { check, prepare, test } from "./checks.mjs";
import { testFreshCheckout } from "./freshCheckout.mjs";
import { installNodes, otherVersions, testOnOtherNodes } from "./nodeVersions.mjs";
import { expectRuns, runBeside, summarize } from "./suite.mjs";

requireNode();
expectRuns(3 + otherVersions().length);
await prepare();
// Tests wait a lot: for processes to start, locks to run out, engines to come back. Two files at once leave a core idle often.
const containers = runBeside("tooling/run/ciContainers.mjs");
const nodes = installNodes();
await check();
await test([]);
await testFreshCheckout();
await nodes;
await testOnOtherNodes();
await containers.finish({ patienceMs: 10 * 60_000 });
process.exit(summarize());
