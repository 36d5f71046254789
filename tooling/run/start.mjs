// `npm start`: installs, builds, and runs everything in one process.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/app-standalone");
process.exit(
  await runForeground(process.execPath, [
    join(root, "apps/standalone/bin/standalone.cjs"),
    ...process.argv.slice(2),
  ]),
);
