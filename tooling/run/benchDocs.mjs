// `npm run bench:docs [-- report.json]`: installs, builds, and writes the figures of a full run into docs/performance.md.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-benchmarks");
process.exit(
  await runForeground(process.execPath, [
    join(root, "tooling/benchmarks/dist/docs/writeDocs.js"),
    ...process.argv.slice(2),
  ]),
);
