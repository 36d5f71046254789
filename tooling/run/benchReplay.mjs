// `npm run bench:replay`: installs, builds, and measures how fast a replay is.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-benchmarks");
process.exit(
  await runForeground(process.execPath, [
    join(root, "tooling/benchmarks/dist/replay.js"),
    ...process.argv.slice(2),
  ]),
);
