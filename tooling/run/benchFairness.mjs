// `npm run bench:fairness`: installs, builds, and measures how long a quiet tenant waits beside noisy ones.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-benchmarks");
process.exit(
  await runForeground(process.execPath, [
    join(root, "tooling/benchmarks/dist/fairness.js"),
    ...process.argv.slice(2),
  ]),
);
