// `npm run es -- <command>`: installs, builds, and runs the command line of operations.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
// The answer is what was asked for, not the build that is already there.
await build("@es/operations", { quietMs: 2_000 });
process.exit(
  await runForeground(process.execPath, [
    join(root, "packages/operations/bin/es.js"),
    ...process.argv.slice(2),
  ]),
);
