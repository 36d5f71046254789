// `npm run record:conformance -- [filter…]`: installs the SDKs of tooling/conformance/recorder, runs their scenarios against
// the fake model endpoint and writes what they sent as fixtures. A filter is a part of `sdk/scenario`.
import { join } from "node:path";
import { build, install, installBeside, requireNode, root, runForeground } from "./bootstrap.mjs";

const recorder = join(root, "tooling/conformance/recorder");

requireNode();
await install();
await build("@es/otlp");
await installBeside("Installing SDKs", recorder);
process.exit(await runForeground(process.execPath, [join(recorder, "record.mjs"), ...process.argv.slice(2)]));
