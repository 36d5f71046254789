// `npm run faults [-- options]`: installs, builds, and puts the engines into each state that apps must survive; see
// docs/operations.md.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground, runTool } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/tooling-faults");
const args = process.argv.slice(2);
const code = await runForeground(process.execPath, [join(root, "tooling/faults/dist/cli.js"), ...args]);
if (code !== 0 || !args.includes("--docs")) process.exit(code);
process.exit(await runTool("biome", ["format", "--write", join(root, "docs/operations.md")]));
