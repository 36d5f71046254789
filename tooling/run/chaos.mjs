// `npm run chaos [-- options]`: installs, builds, and breaks the apps on purpose; see docs/chaos.md.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-chaos");
process.exit(
  await runForeground(process.execPath, [join(root, "tooling/chaos/dist/cli.js"), ...process.argv.slice(2)]),
);
