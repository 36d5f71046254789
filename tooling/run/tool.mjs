// `npm run build`, `npm run lint`, …: installs, and runs a tool of the workspace with the arguments that follow it.
import { install, requireNode, runTool } from "./bootstrap.mjs";

const [tool, ...args] = process.argv.slice(2);

requireNode();
await install();
process.exit(await runTool(tool, args));
