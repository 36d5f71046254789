// The tests on the supported Node.js versions that this machine does not run: a selection that holds what depends on Node.js.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { installBeside, root } from "./bootstrap.mjs";
import { engines } from "./engines.mjs";
import { runTests } from "./suite.mjs";
import { selectTestFiles, testFiles } from "./testFiles.mjs";

const versions = join(root, "tooling/run/nodes");

/** What leans on Node.js itself: the native engine, HTTP, streams and sockets; and everything in one process. */
const selection = [
  "apps/standalone/",
  "clickhouse-embedded/test/client",
  "clickhouse-embedded/test/http",
  "api-keys/src/",
  "processing/src/",
  "core/src/streams/",
  "packages/queue-memory/",
  "packages/store-memory/src/projectionStore",
  "otlp/src/decodeJson",
  "queue-bullmq/test/contract",
  "queue-bullmq/test/outage",
  "host/src/httpServer",
];

/** The supported major versions besides this process's own, such as `["22", "24"]`. */
export function otherVersions() {
  const own = process.versions.node.split(".")[0];
  return readdirSync(versions).filter((name) => /^\d+$/.test(name) && name !== own);
}

/** Installs the binaries of `otherVersions()`. */
export async function installNodes() {
  const filters = otherVersions().flatMap((version) => ["--filter", `node-${version}`]);
  await installBeside("Installing other Node.js versions", versions, filters);
}

/** Runs the selection on each of `otherVersions()`, one after the other. */
export async function testOnOtherNodes() {
  const { startTestEngines } = await engines();
  for (const version of otherVersions()) {
    await runTests(
      `Tests on Node.js ${version}`,
      startTestEngines,
      async () => selectTestFiles(selection, await testFiles()),
      { nodeFolder: nodeFolder(version) },
    );
  }
}

/** The folder that holds `node` of a version. */
function nodeFolder(version) {
  const folder = join(versions, version, `node_modules/node-${process.platform}-${process.arch}/bin`);
  if (existsSync(join(folder, "node"))) return folder;
  throw new Error(
    `Node.js ${version} for ${process.platform}-${process.arch} is not in tooling/run/nodes/${version}/package.json; add node-${process.platform}-${process.arch}.`,
  );
}
