// `npm run keys -- create --tenant acme`: installs, builds, and makes an API key.
import { join } from "node:path";
import { build, install, requireNode, root, runForeground } from "./bootstrap.mjs";

requireNode();
await install();
await build("@es/api-keys");
process.exit(
  await runForeground(process.execPath, [
    join(root, "packages/api-keys/bin/es-keys.mjs"),
    ...process.argv.slice(2),
  ]),
);
