// `npm run bench [-- options]`: installs, builds, and measures.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-benchmarks");
process.exit(
  await runForeground(process.execPath, [
    join(root, "tooling/benchmarks/dist/cli.js"),
    ...process.argv.slice(2),
  ]),
);
