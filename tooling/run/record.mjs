// `npm run record:conformance -- [filter…]`: installs the SDKs of tooling/conformance/recorder, runs their scenarios against
// the fake model endpoint and writes what they sent as fixtures. A filter is a part of `sdk/scenario`.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

const recorder = join(root, "tooling/conformance/recorder");

requireNode();
await install();
await build("@es/otlp");
const installed = await runForeground(
  join(root, "node_modules/.bin/pnpm"),
  ["install", "--frozen-lockfile", "--silent", "--dir", recorder],
  {
    npm_config_manage_package_manager_versions: "false",
    // Some SDKs need a newer Node.js, which the recorder brings.
    npm_config_engine_strict: "false",
    CI: "true",
  },
);
if (installed !== 0) process.exit(installed);
process.exit(await runForeground(process.execPath, [join(recorder, "record.mjs"), ...process.argv.slice(2)]));
