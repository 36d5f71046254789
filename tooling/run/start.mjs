// `npm start`: installs, builds, and runs everything in one process.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/app-standalone");
process.exit(
  await runForeground(process.execPath, [
    join(root, "apps/standalone/dist/main.js"),
    ...process.argv.slice(2),
  ]),
);
