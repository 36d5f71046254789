// `npm test`: installs, builds, checks and tests everything on real engines. `npm test -- <filter>` runs the test files
// whose path holds the filter, and nothing else.
import { requireNode } from "./bootstrap.mjs";
import { check, prepare, test } from "./checks.mjs";
import { summarize } from "./suite.mjs";

requireNode();
const filters = process.argv.slice(2);
await prepare();
if (filters.length === 0) await check();
await test(filters);
process.exit(summarize());
