import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ensureSystemPackage } from "@es/tooling-engines";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { root } from "./workspace.js";

const run = promisify(execFile);

interface Resolved {
  readonly services: Readonly<
    Record<
      string,
      { image?: string; ports?: unknown[]; environment?: Record<string, string>; command?: string[] }
    >
  >;
}

/** The file as Docker Compose understands it: its own `config` command, the plugin's or the older program's. */
async function resolvedConfiguration(): Promise<Resolved> {
  const options = { cwd: root, maxBuffer: 16 * 1024 * 1024 };
  const plugin = await run("docker", ["compose", "config"], options).catch(() => undefined);
  if (plugin !== undefined) return parse(plugin.stdout) as Resolved;
  await ensureSystemPackage({
    command: "docker-compose",
    aptPackage: "docker-compose",
    advice: "Checking compose.yaml needs Docker Compose: install the plugin, or docker-compose.",
  });
  return parse((await run("docker-compose", ["config"], options)).stdout) as Resolved;
}

describe("compose.yaml", () => {
  let services: Resolved["services"];
  beforeAll(async () => {
    ({ services } = await resolvedConfiguration());
  }, 180_000);

  it("is valid and has the five services", () => {
    expect(Object.keys(services).sort()).toEqual(["clickhouse", "console", "ingest", "redis", "worker"]);
  });

  it("takes the engines from their official images", () => {
    expect(services.clickhouse?.image).toMatch(/^clickhouse\/clickhouse-server:\d/);
    expect(services.redis?.image).toMatch(/^redis:\d/);
    expect(readFileSync(join(root, "Dockerfile"), "utf8")).toMatch(/^FROM node:24-slim/m);
  });

  it("publishes ports on the loopback interface only", () => {
    const published = Object.values(services).flatMap(({ ports = [] }) =>
      ports.map((port) => JSON.stringify(port)),
    );
    expect(published).toHaveLength(2);
    for (const port of published) expect(port).toContain("127.0.0.1");
  });

  it("runs the workers with a throughput profile", () => {
    expect(services.worker?.environment).toMatchObject({
      WORKER_RATE_LIMIT: "0",
      WORKER_CONCURRENCY: "1000",
    });
  });

  it("sets only variables the services read", () => {
    const sources = ["apps/ingest", "apps/worker", "apps/console"].map((app) => `${app}/src/config.ts`);
    const known = [...sources, "packages/host/src/access.ts", "packages/host/src/engineVariables.ts"]
      .map((path) => readFileSync(join(root, path), "utf8"))
      .join("\n");
    for (const app of ["ingest", "worker", "console"]) {
      for (const name of Object.keys(services[app]?.environment ?? {}))
        expect(known, name).toContain(`${name}:`);
    }
  });

  it("starts what the image holds", () => {
    for (const app of ["ingest", "worker", "console"]) {
      expect(services[app]?.command).toEqual(["node", `${app}/dist/main.js`]);
    }
  });
});
