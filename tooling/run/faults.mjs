// `npm run faults [-- options]`: installs, builds, and puts the engines into each state that services must survive; see
// docs/operations.md.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-faults");
process.exit(
  await runForeground(process.execPath, [join(root, "tooling/faults/dist/cli.js"), ...process.argv.slice(2)]),
);
