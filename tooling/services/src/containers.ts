import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { TestService } from "./testServices.js";

const run = promisify(execFile);

const CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.3";
const REDIS_IMAGE = "redis:8";

export async function dockerIsUsable(): Promise<boolean> {
  try {
    await run("docker", ["info", "--format", "{{.ServerVersion}}"], { timeout: 5_000 });
    return true;
  } catch {
    return false;
  }
}

/** `undefined` if the image is neither here nor to be had. */
export async function startClickHouseContainer(): Promise<TestService | undefined> {
  if (!(await imageIsAvailable(CLICKHOUSE_IMAGE))) return undefined;
  const { ClickHouseContainer } = await import("@testcontainers/clickhouse");
  const container = await new ClickHouseContainer(CLICKHOUSE_IMAGE).start();
  const url = new URL(container.getHttpUrl());
  url.username = container.getUsername();
  url.password = container.getPassword();
  return {
    url: url.href,
    source: `container ${CLICKHOUSE_IMAGE}`,
    close: () => container.stop().then(() => {}),
  };
}

/** `undefined` if the image is neither here nor to be had. */
export async function startRedisContainer(): Promise<TestService | undefined> {
  if (!(await imageIsAvailable(REDIS_IMAGE))) return undefined;
  const { RedisContainer } = await import("@testcontainers/redis");
  const container = await new RedisContainer(REDIS_IMAGE).start();
  return {
    url: container.getConnectionUrl(),
    source: `container ${REDIS_IMAGE}`,
    close: () => container.stop().then(() => {}),
  };
}

async function imageIsAvailable(image: string): Promise<boolean> {
  try {
    await run("docker", ["image", "inspect", image], { timeout: 10_000 });
    return true;
  } catch {
    // Not here yet.
  }
  try {
    await run("docker", ["pull", "--quiet", image], { timeout: 180_000 });
    return true;
  } catch {
    return false;
  }
}
